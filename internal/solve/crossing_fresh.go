package solve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/kept"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ranTime bounds the wait for what BuildKit says of a step that has ended: its messages come beside its answers.
const ranTime = time.Second

// witness knows which steps of a solve ran, while the solve goes on. Make one with [newWitness].
type witness struct {
	mu    sync.Mutex
	ran   map[digest.Digest]bool // a step that has ended; false came from a cache
	heard chan struct{}          // is closed with the next message
}

func newWitness() *witness {
	return &witness{ran: map[digest.Digest]bool{}, heard: make(chan struct{})}
}

func (w *witness) see(msg *client.SolveStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range msg.Vertexes {
		if v.Completed != nil {
			w.ran[v.Digest] = w.ran[v.Digest] || !v.Cached
		}
	}
	close(w.heard)
	w.heard = make(chan struct{})
}

// wait is until a step has ended, whose inputs have ended by then as well; it is false if nothing was heard of it in time.
func (w *witness) wait(ctx context.Context, d digest.Digest) bool {
	ctx, cancel := context.WithTimeout(ctx, ranTime)
	defer cancel()
	for {
		w.mu.Lock()
		_, ended := w.ran[d]
		_, anew := w.ran[uncached(d)]
		heard := w.heard
		w.mu.Unlock()
		if ended || anew {
			return true
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return false
		}
	}
}

func (w *witness) has(d digest.Digest) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ran[d] || w.ran[uncached(d)]
}

// fresh are the tips of which something ran in this solve: the tip, or a step that takes from it. What came from a cache was looked at by
// the build that made it; to look again, a tip might have to be made again, or fetched with its whole base image, for nothing. Those that were
// found to break a premise are always looked at, since what was made of them meanwhile is in the cache as well.
func (c outputCheck) fresh(ctx context.Context) []cross.Tip {
	steps := c.got.graph.Steps
	if len(c.moved.Tips) == 0 || len(steps) == 0 || !c.witness.wait(ctx, steps[len(steps)-1].Digest) {
		return c.moved.Tips
	}
	return slices.DeleteFunc(slices.Clone(c.moved.Tips), func(tip cross.Tip) bool {
		takes := func(step graph.Step) bool {
			return slices.Contains(step.Inputs, tip.Digest) && c.witness.has(step.Digest)
		}
		return !c.witness.has(tip.Digest) && !slices.ContainsFunc(steps, takes) && !c.broken().has(tip)
	})
}

// brokenTips remembers tips that broke a premise.
type brokenTips struct{ kept.Folder }

func (c outputCheck) broken() brokenTips {
	return brokenTips{kept.Folder{Dir: c.bases, Suffix: ".broken", Max: 1000, Each: 1}}
}

func (b brokenTips) has(tip cross.Tip) bool { return b.Get(tipName(tip)) != nil }

func (b brokenTips) add(tip cross.Tip) { b.Put(tipName(tip), []byte{1}) }

// tipName is of what is run and on which images, not of the files that are sent: those have other digests in each build.
func tipName(tip cross.Tip) string {
	var words []any
	if g, err := graph.Read(tip.Definition); err == nil {
		for _, step := range g.Steps {
			if _, ok := step.Image(); ok || step.Kind == graph.Exec {
				words = append(words, step.Source, step.Args, step.Env, step.Cwd, platform.Format(step.Platform))
			}
		}
	}
	text, _ := json.Marshal(words) //nolint:errchkjson // texts
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
