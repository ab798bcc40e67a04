package merge

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// inputsAtOnce bounds the inputs that are read concurrently.
const inputsAtOnce = 16

// looksAtOnce bounds the tags that are checked concurrently.
const looksAtOnce = 8

// Input is a tree of images, and its source.
type Input struct {
	// Name is the user's name for it.
	Name string
	Tree tree.Tree
	// Repo is the repository that has it, or nil if no registry does.
	Repo reference.Named
	// Blobs has the content of the tree.
	Blobs content.Fetcher
}

// Read reads the manifests and configurations of the words concurrently, and returns them in order. If several repositories have
// the same image, it takes one that has a tag of near. Meanwhile it checks the tags of near in the inputs' repositories, and
// leaves out a tag that it cannot check.
func Read(ctx context.Context, c *manifest.Client, words []Argument, near ...reference.NamedTagged) ([]Input, []manifest.Look, error) {
	inputs := make([]Input, len(words))
	tagsCtx, stop := context.WithCancel(ctx)
	defer stop()
	looks := inspectTags(tagsCtx, c, words, near)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(inputsAtOnce)
	for i, w := range words {
		group.Go(func() (err error) {
			if w.archive != nil {
				inputs[i] = Input{Name: w.Text, Blobs: w.archive}
				inputs[i].Tree, err = tree.Read(groupCtx, w.root, w.archive)
			} else {
				inputs[i], err = ReadRef(groupCtx, c, w.nearest(near))
				inputs[i].Name = w.Text
			}
			if err != nil {
				return fmt.Errorf("%q: %w", w.Text, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		stop()
		looks()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, nil, err
	}
	return inputs, looks(), nil
}

// inspectTags starts to check the tags in repositories of the inputs. The returned function waits for the results.
func inspectTags(ctx context.Context, c *manifest.Client, words []Argument, tags []reference.NamedTagged) func() []manifest.Look {
	looks := make([]manifest.Look, len(tags))
	var looking sync.WaitGroup
	for i, tag := range tags {
		beside := func(w Argument) bool { return w.archive == nil && w.nearest(tags).Name() == tag.Name() }
		if i < looksAtOnce && slices.ContainsFunc(words, beside) {
			looking.Go(func() { looks[i], _ = c.Look(ctx, tag) }) // Publish checks again, and reports the error
		}
	}
	return func() []manifest.Look {
		looking.Wait()
		return slices.DeleteFunc(looks, func(l manifest.Look) bool { return l.Tag == nil })
	}
}

// ReadRef reads the images of a tag or digest.
func ReadRef(ctx context.Context, c *manifest.Client, ref reference.Named) (Input, error) {
	root, blobs, err := c.Source(ctx, ref)
	if err != nil {
		return Input{}, err
	}
	in := Input{Name: reference.FamiliarString(ref), Repo: reference.TrimNamed(ref), Blobs: blobs}
	in.Tree, err = tree.Read(ctx, root, blobs)
	return in, err
}

func (w Argument) nearest(near []reference.NamedTagged) reference.Named {
	for _, ref := range w.refs {
		if slices.ContainsFunc(near, func(n reference.NamedTagged) bool { return n.Name() == ref.Name() }) {
			return ref
		}
	}
	return w.refs[0]
}
