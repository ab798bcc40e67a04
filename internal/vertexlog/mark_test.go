package vertexlog

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
)

// late is a gateway that sends its warnings after all pending messages.
type late struct {
	gateway.Client
	log    *Log
	before []*client.SolveStatus
	sent   []*client.SolveStatus
	err    error
}

func (g *late) Warn(_ context.Context, d digest.Digest, text string, _ gateway.WarnOpts) error {
	mark := &client.SolveStatus{Warnings: []*client.VertexWarning{{Vertex: d, Short: []byte(text)}, {Vertex: "a step", Short: []byte("old")}}}
	g.sent = append(g.before, mark)
	go func() {
		for _, msg := range g.sent {
			time.Sleep(time.Millisecond)
			g.log.Add(msg)
		}
	}()
	return g.err
}

func TestALogThatCatchesUpKnowsAllStepsThatHaveEnded(t *testing.T) {
	now := time.Now()
	l := &Log{}
	for range 2 {
		g := &late{log: l}
		for _, d := range []digest.Digest{"first", "last"} {
			g.before = append(g.before, &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Started: &now, Completed: &now}}})
		}
		if err := l.CatchUp(t.Context(), g); err != nil || !l.Ran("last") {
			t.Errorf("%v, and what the last step did is not known", err)
		}
		if left := g.sent[2].Warnings; len(left) != 1 || left[0].Vertex != "a step" {
			t.Errorf("others are shown %+v", left)
		}
	}
}

func TestABuildKitThatSendsNoMarkIsNotWaitedFor(t *testing.T) {
	l := &Log{}
	if err := l.CatchUp(t.Context(), &late{log: l, err: errors.New("unknown method Warn")}); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.CatchUp(ctx, &late{log: &Log{}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
