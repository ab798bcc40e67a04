package builders

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// probeHolds is how long the outcome of a probe is shown again. A probe of a BuildKit without a shell is a build of a program for each
// architecture, which takes longer than everything else that is shown. Builds do not use it.
const probeHolds = 10 * time.Minute

// probed has the outcomes of the last probes, in a folder of the user's cache.
type probed struct{ dir string } // "": it has none

func (p probed) folder() cachedir.Folder {
	return cachedir.Folder{Dir: p.dir, Suffix: ".json", Max: 256 << 10, MaxFile: 16 << 10}
}

type outcome struct {
	At     time.Time
	Status emulation.Status
}

// key identifies a node for as long as its BuildKit reports the same platforms. BuildKit looks for new handlers of its kernel every 20
// seconds, and after a restart also for those that are gone.
func (p probed) key(n *builder.Node) string {
	return digest.FromString(strings.Join(append([]string{n.ID, n.Version}, platform.FormatAll(n.Platforms)...), "\n")).Encoded()
}

// remembered returns the last outcome if it still holds.
func (p probed) remembered(n *builder.Node) (status emulation.Status, ok bool) {
	var last outcome
	err := json.Unmarshal(p.folder().Get(p.key(n)), &last)
	age := time.Since(last.At)
	return last.Status, err == nil && age >= 0 && age < probeHolds
}

// begin probes the node, while other things are asked of it, if it will have to be.
func (p probed) begin(ctx context.Context, n *builder.Node) {
	if _, ok := p.remembered(n); !ok {
		n.ProbeAhead(ctx, emulators.Platforms())
	}
}

// status returns how the node runs the programs of all architectures.
func (p probed) status(ctx context.Context, n *builder.Node) (emulation.Status, error) {
	if status, ok := p.remembered(n); ok {
		return status, nil
	}
	status, err := n.Probe(ctx, emulators.Platforms()...)
	if err == nil {
		if data, err := json.Marshal(outcome{time.Now(), status}); err == nil {
			p.folder().Put(p.key(n), data)
		}
	}
	return status, err
}
