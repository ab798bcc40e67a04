package smoke

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// labels are set on every container that this package creates.
var labels = map[string]string{"com.docker-multiarch.part": "test"}

// Runner is an engine on which images are tested. Its methods may be called from several goroutines. Close it.
type Runner struct {
	engine *engine.Engine
	info   engine.Info
	note   diag.Notes
	id     string        // in the names of this runner's images
	slots  chan struct{} // one per program that may run at the same time: as many as the engine has CPUs

	mu     sync.Mutex
	names  map[digest.Digest][]addedName // by image
	warned sync.Once
}

// Open prepares a runner. note gets messages for the user.
func Open(ctx context.Context, eng *engine.Engine, note diag.Notes) (*Runner, error) {
	info, err := eng.Info(ctx)
	if err != nil {
		return nil, err
	}
	return &Runner{
		engine: eng, info: info, note: note, id: strings.ToLower(rand.Text()), slots: make(chan struct{}, max(1, info.NCPU)),
		names: map[digest.Digest][]addedName{},
	}, nil
}

// addedName is a name that a runner has given to an image. gone ends the record of it.
type addedName struct {
	name string
	gone func()
}

// recordName records a name that this runner gives to an image.
func (b *Runner) recordName(ctx context.Context, image digest.Digest, name string) {
	gone := b.engine.Temporary(ctx, engine.AnImage, name)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[image] = append(b.names[image], addedName{name, gone})
}

const engineName = "the engine"

// Place returns the engine as the place of the programs of an image there, by its name.
func (b *Runner) Place(image string) Place {
	return Place{engineName, func(ctx context.Context, j Job) (ProgramResult, error) {
		j.Image = image
		return b.Run(ctx, j)
	}}
}

// closeTimeout bounds the clean-up, which happens also after an interrupt.
const closeTimeout = 20 * time.Second

// Close removes the images and names that the runner has added to the engine. It does so also when ctx has ended.
func (b *Runner) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	var images sync.WaitGroup
	var mu sync.Mutex
	for _, names := range b.names {
		images.Go(func() {
			for _, added := range names { // one after the other: the image is removed with the last name
				if err := b.engine.RemoveImage(ctx, added.name); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					continue
				}
				added.gone()
			}
		})
	}
	images.Wait()
	clear(b.names)
	return errors.Join(errs...)
}
