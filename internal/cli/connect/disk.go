package connect

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// diskLookAfter is the age from which a build is long enough for a command in the builder's container. That command takes half the
// time of a build with nothing to do.
const diskLookAfter = 2 * time.Second

// watchDisk watches the disk with a builder's cache while a build runs. end stops the watch, and returns a warning if the disk is nearly full.
// If looking is cheap, end looks; otherwise watchDisk looks during a build longer than after.
func watchDisk(ctx context.Context, e builder.Endpoint, disk builder.DiskGauge, after time.Duration) (end func() diag.Diagnostic) {
	if disk == nil {
		return func() diag.Diagnostic { return diag.Diagnostic{} }
	}
	if disk.Local() {
		return func() diag.Diagnostic {
			d, _ := disk.Disk(ctx) // unknown counts as not full
			return diskWarning(e, d)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var observed builder.Disk // unknown counts as not full
	done := make(chan struct{})
	timer := time.AfterFunc(after, func() {
		defer close(done)
		observed, _ = disk.Disk(ctx)
	})
	return sync.OnceValue(func() diag.Diagnostic {
		cancel()
		if !timer.Stop() {
			<-done
		}
		return diskWarning(e, observed)
	})
}

func diskWarning(e builder.Endpoint, d builder.Disk) diag.Diagnostic {
	if !d.NearlyFull() {
		return diag.Diagnostic{}
	}
	name, prune := cmp.Or(e.Builder, builder.DefaultName), "docker multiarch builder prune"
	if name != builder.DefaultName {
		prune += " --builder " + name
	}
	whose := fmt.Sprintf("builder %q", name)
	if e.Node != "" {
		whose = fmt.Sprintf("node %q of %s", e.Node, whose)
	}
	return diag.Warningf("the disk with the cache of %s is nearly full (%s of %s free): %s frees space", whose, cli.Size(d.Free), cli.Size(d.Total), prune)
}
