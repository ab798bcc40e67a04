package container

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client/pkg/stringid"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

// wantedImage returns the name that the image of a container must come from.
func wantedImage(have observed) string {
	if have.Image.Ref == "" {
		return DefaultImage
	}
	return have.Image.Ref
}

// asJudged is the key of a judgement: the image, and the name that it must come from.
func asJudged(have observed) string { return have.ImageID + " " + wantedImage(have) }

// judge begins to find out, once for each image, whether a container's image may run with privileges.
// The returned function waits for the answer: nil, a [*trust.UnprovenError], or the error that
// prevented an answer.
func (k *reconciler) judge(ctx context.Context, have observed) func() error {
	if isPeers(k.spec.Endpoint) {
		return func() error { return nil } // the user has made it with docker buildx
	}
	if verdict, ok := k.judged[asJudged(have)]; ok {
		return verdict
	}
	ctx, cancel := context.WithCancel(ctx)
	verdict := sync.OnceValue(func() error { return k.spec.images(k.eng).Check(ctx, have.ImageID, wantedImage(have)) })
	k.judged[asJudged(have)] = verdict
	go func() { _ = verdict() }()
	k.stopJudging = append(k.stopJudging, func() {
		cancel()
		_ = verdict() // waits for it
	})
	return verdict
}

// allowed turns a step that would start a container whose image may not run with privileges into one
// that replaces the container. A running container is connected to meanwhile (use), and reaches allowed
// once the answer is known.
func (k *reconciler) allowed(ctx context.Context, todo step, have observed) (step, error) {
	_, known := k.judged[asJudged(have)]
	if todo.Action != actStart && todo.Action != actUnpause && (todo.Action != actUse || !known) {
		return todo, nil
	}
	err := k.judge(ctx, have)()
	if _, ok := errors.AsType[*trust.UnprovenError](err); !ok || k.kind.asIs {
		return todo, err
	}
	why := fmt.Sprintf("the engine does not know its image %s as pulled from %s", stringid.TruncateID(have.ImageID), trust.Repository(wantedImage(have)))
	return step{actRecreate, []string{why}}, nil
}

// orTrust adds a hint to the error of a replacement: the user could trust the old container's image, if
// that image is the reason and may be named. The error about another image has its own hint.
func (k *reconciler) orTrust(err error, old observed) error {
	verdict, known := k.judged[asJudged(old)]
	if _, unproven := errors.AsType[*trust.UnprovenError](err); unproven || !known {
		return err
	}
	if unproven, ok := errors.AsType[*trust.UnprovenError](verdict()); ok {
		return fmt.Errorf("%w; the builder's old %w", err, unproven)
	}
	return err
}

// mayRun returns nil if a container's image may run with privileges.
func mayRun(ctx context.Context, eng *engine.Engine, c container.InspectResponse, e builder.Endpoint, trusted []digest.Digest) bool {
	return Spec{Spec: builder.Spec{Trusted: trusted}}.images(eng).Check(ctx, c.Image, wantedImage(convert(c, e))) == nil
}

// Image is the image that a builder's container was made from.
type Image struct {
	Ref   string // the name that it must come from
	ID    string // as the engine shows it
	Basis trust.Basis
}

// ImageOf returns a node's image and why it may run with privileges, if it may. found is false when
// there is no such node.
func ImageOf(ctx context.Context, images trust.Images, e builder.Endpoint) (img Image, found bool, err error) {
	var c container.InspectResponse
	for _, s := range sides() {
		if c, found, err = ownContainer(ctx, images.Engine, e, s); err != nil || found {
			break
		}
	}
	if err != nil || !found {
		return Image{}, false, err
	}
	have := convert(c, e)
	img = Image{Ref: wantedImage(have), ID: have.ImageID}
	img.Basis, err = images.Judge(ctx, img.ID, img.Ref)
	return img, true, err
}
