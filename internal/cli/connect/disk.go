package connect

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// diskLookAfter is when a build is long enough to be worth a command in the builder's container: it takes the time of half a build
// that has nothing to do.
const diskLookAfter = 2 * time.Second

// watchDisk looks after the disk that holds a builder's cache while a build runs. The function that it returns ends that,
// and says what the user should know, or "". Where looking is cheap it looks then; else a build that is long has looked meanwhile.
func watchDisk(ctx context.Context, name string, disk builder.DiskGauge, after time.Duration) (end func() string) {
	if disk == nil {
		return func() string { return "" }
	}
	if disk.Near() {
		return func() string {
			d, _ := disk.Disk(ctx) // what is not known is not full
			return diskWarning(name, d)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var seen builder.Disk // what is not known is not full
	looked := make(chan struct{})
	timer := time.AfterFunc(after, func() {
		defer close(looked)
		seen, _ = disk.Disk(ctx)
	})
	return sync.OnceValue(func() string {
		cancel()
		if !timer.Stop() {
			<-looked
		}
		return diskWarning(name, seen)
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
