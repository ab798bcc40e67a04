package solve

import (
	"context"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
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

// moving is during for work that moves blobs, which are shown by their bytes.
func (e Env) moving(what string, work func(*transfer.Meter) error) error {
	p := phase{progress: e.Progress, name: what, began: time.Now(), meter: &transfer.Meter{}}
	looking, end := context.WithCancel(context.Background())
	var looks sync.WaitGroup
	looks.Go(func() {
		for look := time.NewTicker(noticeable); ; {
			select {
			case <-look.C:
				p.show()
			case <-looking.Done():
				look.Stop()
				return
			}
		}
	})
	err := work(p.meter)
	end()
	looks.Wait()
	p.end(err)
	return err
}

// phase is work that is shown if it takes long.
type phase struct {
	progress Progress
	name     string
	began    time.Time
	meter    *transfer.Meter // nil if nothing is counted

	mu           sync.Mutex
	shown, ended bool
}

// show begins to show the phase, or how far it is, unless it has ended.
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
	vertex := digest.FromString("docker-multiarch\x00" + p.name)
	status := &client.SolveStatus{Vertexes: []*client.Vertex{{
		Digest: vertex, Name: p.name, Started: &p.began, Completed: completed, Error: failed,
	}}}
	if done, total := p.meter.Bytes(); total > 0 {
		status.Statuses = []*client.VertexStatus{{
			ID: "layers", Vertex: vertex, Current: done, Total: total, Timestamp: time.Now(), Started: &p.began, Completed: completed,
		}}
	}
	p.progress.Status(platform.Platform{}, status)
}
