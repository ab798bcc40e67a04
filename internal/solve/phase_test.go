package solve

import (
	"errors"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// listener is a Progress that records steps.
type listener struct {
	recorder
	steps []client.Vertex
}

func (l *listener) Status(_ platform.Platform, s *client.SolveStatus) {
	for _, v := range s.Vertexes {
		l.steps = append(l.steps, *v)
	}
}

func TestWorkOfOurOwnThatTakesLongIsShownAsAStep(t *testing.T) {
	var l listener
	p := phase{progress: &l, name: "loading app:1.0 into the engine", began: time.Now()}
	p.show()
	p.end(errors.New("no space left"))
	p.show() // a timer may be late
	if len(l.steps) != 2 || l.steps[0].Completed != nil || l.steps[1].Completed == nil || l.steps[1].Error != "no space left" || l.steps[0].Name != p.name {
		t.Errorf("%+v", l.steps)
	}
}

func TestWorkOfOurOwnThatIsQuickIsNotShown(t *testing.T) {
	var l listener
	failed := errors.New("boom")
	if err := (Env{Progress: &l}).during("loading", func() error { return failed }); !errors.Is(err, failed) || len(l.steps) != 0 {
		t.Errorf("%v, %+v", err, l.steps)
	}
}
