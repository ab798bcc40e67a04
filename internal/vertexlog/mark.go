package vertexlog

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
)

// markText is the text of marks. No step has the digest of a mark.
const markText = "docker multiarch: the steps so far"

// Marks tell how far the messages of a solve have come. The zero value is ready to use.
type Marks struct {
	mu    sync.Mutex
	marks map[digest.Digest]chan struct{} // closed when the mark comes, and nil from then on
}

// CatchUp returns when all messages about what has ended by now in a solve have come to [Marks.Take]. BuildKit sends its answers and its
// messages on different streams, but its messages in order. So CatchUp asks BuildKit to send one more message, a warning about no step, and
// waits for it (solver/llbsolver/bridge.go and solver/progress.go of BuildKit, from v0.20 to v0.34). An error says that BuildKit does not send it.
func (m *Marks) CatchUp(ctx context.Context, gw gateway.Client) error {
	mark, received := m.newMark()
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

func (m *Marks) newMark() (digest.Digest, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.marks == nil {
		m.marks = map[digest.Digest]chan struct{}{}
	}
	mark := digest.FromString(fmt.Sprintf("%s %p %d", markText, m, len(m.marks))) // a solve may have several Marks
	m.marks[mark] = make(chan struct{})
	return mark, m.marks[mark]
}

// Take removes the marks from a message. The caller calls seen when it has processed the message, and CatchUp returns.
func (m *Marks) Take(msg *client.SolveStatus) (seen func()) {
	var found []digest.Digest
	m.mu.Lock()
	defer m.mu.Unlock()
	msg.Warnings = slices.DeleteFunc(msg.Warnings, func(w *client.VertexWarning) bool {
		_, ours := m.marks[w.Vertex]
		if ours {
			found = append(found, w.Vertex)
		}
		return ours
	})
	return func() { m.reached(found) }
}

func (m *Marks) reached(found []digest.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mark := range found {
		if m.marks[mark] != nil {
			close(m.marks[mark])
			m.marks[mark] = nil
		}
	}
}
