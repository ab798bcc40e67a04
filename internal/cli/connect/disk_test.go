package connect

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// fakeDisk is a disk of a node.
type fakeDisk struct {
	disk builder.Disk
	near bool
	err  error
	done chan struct{}
}

func (f fakeDisk) Near() bool { return f.near }
func (f fakeDisk) Disk(context.Context) (builder.Disk, error) {
	defer close(f.done)
	return f.disk, f.err
}

func TestANearlyFullDiskIsWarnedAbout(t *testing.T) {
	full := builder.Disk{Total: 250e9, Free: 3e9}
	for name, tt := range map[string]struct {
		node fakeDisk
		want string
	}{
		"full": {
			fakeDisk{disk: full, near: true},
			`warning: the disk that holds the cache of builder "b" is nearly full, 3GB of 250GB are free: docker multiarch builder prune --builder b makes room`,
		},
		"not full": {fakeDisk{disk: builder.Disk{Total: 250e9, Free: 30e9}, near: true}, ""},
		"unknown":  {fakeDisk{err: errors.New("no df"), near: true}, ""},
	} {
		tt.node.done = make(chan struct{})
		if got := watchDisk(t.Context(), "b", tt.node, time.Hour)(); got != tt.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestADiskThatIsFarAwayIsLookedAtInLongBuildsOnly(t *testing.T) {
	node := fakeDisk{disk: builder.Disk{Total: 250e9, Free: 3e9}, done: make(chan struct{})}
	if got := watchDisk(t.Context(), "b", node, time.Hour)(); got != "" {
		t.Error(got)
	}
	end := watchDisk(t.Context(), "b", node, 0)
	<-node.done
	if end() == "" { // end waits for the observation
		t.Error("no warning")
	}
}
