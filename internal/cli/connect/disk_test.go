package connect

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// fakeDisk is a disk of a node.
type fakeDisk struct {
	disk builder.Disk
	near bool
	err  error
	done chan struct{}
}

func (f fakeDisk) Local() bool { return f.near }
func (f fakeDisk) Disk(context.Context) (builder.Disk, error) {
	defer close(f.done)
	return f.disk, f.err
}

func TestANearlyFullDiskIsWarnedAbout(t *testing.T) {
	full := builder.Disk{Total: 250e9, Free: 3e9}
	for name, tt := range map[string]struct {
		node fakeDisk
		want diag.Diagnostic
	}{
		"full": {
			fakeDisk{disk: full, near: true},
			diag.Warningf(`the disk with the cache of builder "b" is nearly full (3GB of 250GB free): docker multiarch builder prune --builder b frees space`),
		},
		"not full": {fakeDisk{disk: builder.Disk{Total: 250e9, Free: 30e9}, near: true}, diag.Diagnostic{}},
		"unknown":  {fakeDisk{err: errors.New("no df"), near: true}, diag.Diagnostic{}},
	} {
		tt.node.done = make(chan struct{})
		if got := watchDisk(t.Context(), builder.Endpoint{Builder: "b"}, tt.node, time.Hour)(); !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAFullDiskOfOneOfSeveralNodesIsNamed(t *testing.T) {
	disk := fakeDisk{disk: builder.Disk{Total: 250e9, Free: 3e9}, near: true, done: make(chan struct{})}
	want := `the disk with the cache of node "arm" of builder "default" is nearly full (3GB of 250GB free): docker multiarch builder prune frees space`
	if got := watchDisk(t.Context(), builder.Endpoint{Node: "arm"}, disk, time.Hour)(); got.Message != want {
		t.Errorf("got %s", got.Message)
	}
}

func TestADiskThatIsFarAwayIsLookedAtInLongBuildsOnly(t *testing.T) {
	node := fakeDisk{disk: builder.Disk{Total: 250e9, Free: 3e9}, done: make(chan struct{})}
	if got := watchDisk(t.Context(), builder.Endpoint{Builder: "b"}, node, time.Hour)(); got.Found() {
		t.Error(got)
	}
	end := watchDisk(t.Context(), builder.Endpoint{Builder: "b"}, node, 0)
	<-node.done
	if !end().Found() { // end waits for the observation
		t.Error("no warning")
	}
}
