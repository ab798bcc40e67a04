package solve

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// keepers are a build's keeper and, when a platform is tried again, the one that takes its place. BuildKit remembers that a step has
// failed for as long as any solve holds it (solver/jobs.go, execErr), so the keeper must let go of it, and can only let go of all: the
// next one holds the others' steps before it does.
type keepers struct {
	ctx context.Context // the build's
	run *nodeRun

	mu   sync.RWMutex // for writing while one keeper takes the place of another
	now  *keeper
	held sync.Map // what each platform asked for, by its index
}

type heldSteps struct {
	pins pins
	got  reading
}

func newKeepers(ctx context.Context, r *nodeRun) *keepers {
	return &keepers{ctx: ctx, run: r, now: newKeeper(ctx, r)}
}

// hold is keeper's, for the platform with this index.
func (k *keepers) hold(ctx context.Context, index int, p pins, got reading) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	k.held.Store(index, heldSteps{p, got})
	return k.now.hold(ctx, p, got)
}

// drop tells that a platform has failed: its steps need not be held any more.
func (k *keepers) drop(index int) { k.held.Delete(index) }

// renew lets go of what was dropped.
func (k *keepers) renew(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	held := map[int]heldSteps{}
	k.held.Range(func(index, steps any) bool {
		held[index.(int)] = steps.(heldSteps)
		return true
	})
	before := k.now
	defer before.close()
	k.now = newKeeper(k.ctx, k.run)
	for _, index := range slices.Sorted(maps.Keys(held)) {
		if err := k.now.hold(ctx, held[index].pins, held[index].got); err != nil {
			return err
		}
	}
	return nil
}

func (k *keepers) close() { k.now.close() }
