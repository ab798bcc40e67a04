package connect

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// diskLookAfter is the age from which a build is long enough for a command in the builder's container. That command takes half the
// time of a build with nothing to do.
const diskLookAfter = 2 * time.Second

// watchDisk watches the disk with a builder's cache while a build runs. end stops the watch, and returns a note for the user, or "".
// If looking is cheap, end looks; otherwise watchDisk looks during a build longer than after.
func watchDisk(ctx context.Context, name string, disk builder.DiskGauge, after time.Duration) (end func() string) {
	if disk == nil {
		return func() string { return "" }
	}
	if disk.Near() {
		return func() string {
			d, _ := disk.Disk(ctx) // unknown counts as not full
			return diskWarning(name, d)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var observed builder.Disk // unknown counts as not full
	done := make(chan struct{})
	timer := time.AfterFunc(after, func() {
		defer close(done)
		observed, _ = disk.Disk(ctx)
	})
	return sync.OnceValue(func() string {
		cancel()
		if !timer.Stop() {
			<-done
		}
		return diskWarning(name, observed)
	})
}

func diskWarning(name string, d builder.Disk) string {
	if !d.NearlyFull() {
		return ""
	}
	prune := "docker multiarch builder prune"
	if name != builder.DefaultName {
		prune += " --builder " + name
	}
	return fmt.Sprintf("warning: the disk that holds the cache of builder %q is nearly full, %s of %s are free: %s makes room",
		name, cli.Size(d.Free), cli.Size(d.Total), prune)
}
