package solve

import (
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// noticeable is how long the client's own work on the result takes before it is shown. Most of it is done sooner.
const noticeable = time.Second

// during does such work, and shows it as a step of no platform: "loading app:1.0 into the engine".
func (e Env) during(what string, work func() error) error {
	p := phase{progress: e.Progress, name: what, began: time.Now()}
	timer := time.AfterFunc(noticeable, p.show)
	err := work()
	timer.Stop()
	p.end(err)
	return err
}

// phase is work that is shown if it takes long.
type phase struct {
	progress Progress
	name     string
	began    time.Time

	mu           sync.Mutex
	shown, ended bool
}

// show begins to show the phase, unless it has ended.
func (p *phase) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.shown = true
		p.tell(nil, "")
	}
}

func (p *phase) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if !p.shown {
		return
	}
	now, failed := time.Now(), ""
	if err != nil {
		failed = err.Error()
	}
	p.tell(&now, failed)
}

func (p *phase) tell(completed *time.Time, failed string) {
	p.progress.Status(platform.Platform{}, &client.SolveStatus{Vertexes: []*client.Vertex{{
		Digest: digest.FromString("docker-multiarch\x00" + p.name), Name: p.name, Started: &p.began, Completed: completed, Error: failed,
	}}})
}
