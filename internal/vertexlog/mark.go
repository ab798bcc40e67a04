package vertexlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
)

// markText is the text of marks. No step has the digest of a mark.
const markText = "docker multiarch: the steps so far"

// CatchUp returns when the log has all messages about the steps that have ended by now in a solve. BuildKit sends its answers and its
// messages on different streams, but its messages in order. So CatchUp asks BuildKit to send one more message, a warning about no step, and
// waits for it (solver/llbsolver/bridge.go and solver/progress.go of BuildKit, from v0.20 to v0.33). An error says that BuildKit does not send it.
func (l *Log) CatchUp(ctx context.Context, gw gateway.Client) error {
	mark, received := l.newMark()
	if err := gw.Warn(ctx, mark, markText, gateway.WarnOpts{}); err != nil {
		return err
	}
	select {
	case <-received:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Log) newMark() (digest.Digest, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.marks == nil {
		l.marks = map[digest.Digest]chan struct{}{}
	}
	mark := digest.FromString(fmt.Sprint(markText, len(l.marks)))
	l.marks[mark] = make(chan struct{})
	return mark, l.marks[mark]
}

// takeMarks removes the marks from a message.
func (l *Log) takeMarks(msg *client.SolveStatus) {
	msg.Warnings = slices.DeleteFunc(msg.Warnings, func(w *client.VertexWarning) bool {
		found, ours := l.marks[w.Vertex]
		if ours && found != nil {
			close(found)
			l.marks[w.Vertex] = nil
		}
		return ours
	})
}
