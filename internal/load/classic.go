package load

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// namedImage is an image under a name.
type namedImage struct {
	image image
	name  reference.NamedTagged // nil for none
	Loaded
}

// fillClassic loads images of one platform each into a classic store. plain is the index of the image that gets the names
// unchanged; -1 for none. An engine names images while it loads them, so the names are set afterwards, all together.
func (s *Staged) fillClassic(ctx context.Context, req Request, images []image, plain int) error {
	places, err := plan(req.Names, images, plain)
	if err != nil {
		return err
	}
	store := &classicStore{engine: s.engine, chains: map[digest.Digest]bool{}, images: map[digest.Digest]bool{}}
	for i := range places {
		if err := store.resolve(ctx, &places[i]); err != nil {
			return err
		}
	}
	if s.carry(ctx, req, store.portable(images)) {
		for _, img := range images {
			if _, err := store.inspect(ctx, img.node.Config.Digest.String()); err != nil {
				return err
			}
		}
	}
	for _, img := range images {
		if id := img.node.Config.Digest; !store.images[id] {
			s.sends(ctx, id)
		}
	}
	if err := store.send(ctx, req, images); err != nil {
		return err
	}
	s.images, s.names = make([]Loaded, len(places)), make([]string, len(places))
	for i, p := range places {
		s.images[i] = p.Loaded
		if !p.Already && p.name != nil {
			s.names[i] = p.name.String()
		}
	}
	if len(images) > 1 {
		s.note = func() { req.Note.Say(explain(places, len(images), plain)) }
	}
	return nil
}

// plan assigns names to every image.
func plan(names []reference.NamedTagged, images []image, plain int) ([]namedImage, error) {
	var places []namedImage
	add := func(i int, name reference.NamedTagged) {
		p := namedImage{image: images[i], name: name, Loaded: Loaded{Platform: images[i].platform, ID: images[i].node.Config.Digest}}
		if name != nil {
			p.Name = reference.FamiliarString(name)
		}
		places = append(places, p)
	}
	for i := range images {
		if len(names) == 0 {
			add(i, nil)
		}
	}
	for _, name := range names {
		for i := range images {
			if i == plain {
				add(i, name)
				continue
			}
			suffixed, err := Suffixed(name, images[i].platform)
			if err != nil {
				return nil, err
			}
			add(i, suffixed)
		}
	}
	return places, nil
}

// Suffixed returns the name of a platform's image where a name can have one image only: the tag followed by the platform, as in
// app:v1-linux-arm64. It fails where that is longer than a tag may be.
func Suffixed(name reference.NamedTagged, p platform.Platform) (reference.NamedTagged, error) {
	suffixed, err := reference.WithTag(reference.TrimNamed(name), name.Tag()+"-"+suffix(p))
	if err != nil {
		return nil, fmt.Errorf("name %q for %s: %w", reference.FamiliarString(name), platform.Format(p), err)
	}
	return suffixed, nil
}

// suffix returns a platform as a part of a tag: linux-arm-v7.
func suffix(p platform.Platform) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '/', '(', '+':
			return '-'
		case ')':
			return -1
		}
		return r
	}, platform.Format(p))
}

// explain returns a line with the names of the platforms. Only the first name is listed; the others are formed alike.
func explain(places []namedImage, images int, plain int) string {
	var others []string
	text := "the engine's image store holds one platform a name: "
	for i, p := range places[:images] {
		name := p.Name
		if name == "" {
			name = p.ID.String()
		}
		if i == plain && p.name != nil {
			text += name + " is " + platform.Format(p.Platform) + map[bool]string{true: ", the other is ", false: ", the others are "}[images == 2]
			continue
		}
		others = append(others, name)
	}
	return text + strings.Join(others, ", ")
}

// classicStore is the known content of an engine's store.
type classicStore struct {
	engine *engine.Engine
	images map[digest.Digest]bool // by ID: already searched
	chains map[digest.Digest]bool // chain IDs of layers that it has
}

// portable returns the images that the engine does not have. A layer counts as missing unless it is known to be there.
func (s *classicStore) portable(images []image) (all []Portable) {
	for _, img := range images {
		if chains := chainIDs(img.diffIDs); !s.images[img.node.Config.Digest] && len(chains) == len(img.node.Layers) {
			all = append(all, img.portable(func(i int) bool { return !s.chains[chains[i]] }))
		}
	}
	return all
}

// resolve finds out which images the engine has under the name and the ID of an image. The layers that it finds count for other images as well.
func (s *classicStore) resolve(ctx context.Context, p *namedImage) error {
	if p.name != nil {
		now, err := s.inspect(ctx, p.name.String())
		if err != nil {
			return err
		}
		p.Already = now.ID == p.ID
	}
	found, err := s.inspect(ctx, p.ID.String())
	if err == nil && p.name == nil {
		p.Already = found.ID == p.ID
	}
	return err
}

func (s *classicStore) inspect(ctx context.Context, ref string) (engine.Image, error) {
	if s.images[digest.Digest(ref)] {
		return engine.Image{ID: digest.Digest(ref)}, nil
	}
	img, err := s.engine.Image(ctx, ref)
	if err != nil || img.ID == "" {
		return img, err
	}
	s.images[img.ID] = true
	for _, chain := range chainIDs(img.DiffIDs) {
		s.chains[chain] = true
	}
	return img, nil
}

// send sends the missing images in one stream and without names.
func (s *classicStore) send(ctx context.Context, req Request, images []image) error {
	var missing []layout.DockerImage
	var chains, below []digest.Digest // below: without the topmost of each, which changes most
	for _, img := range images {
		if !s.images[img.node.Config.Digest] {
			if err := s.checkCompression(ctx, img); err != nil {
				return err
			}
			missing = append(missing, layout.DockerImage{Manifest: img.node.Descriptor})
			own := chainIDs(img.diffIDs)
			chains, below = append(chains, own...), append(below, own[:max(0, len(own)-1)]...)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := s.search(ctx, below); err != nil {
		return err
	}
	skippable := slices.ContainsFunc(chains, func(chain digest.Digest) bool { return s.chains[chain] })
	for _, img := range images {
		for i, chain := range chainIDs(img.diffIDs) {
			if !s.chains[chain] && i < len(img.node.Layers) {
				req.Meter.Expect(img.node.Layers[i])
			}
		}
	}
	return retried(ctx, skippable, func(spare bool) error {
		return s.engine.Load(ctx, func(w io.Writer) error {
			return layout.WriteDocker(ctx, w, missing, req.Meter.Through(req.Blobs), func(_ ocispecs.Descriptor, chain digest.Digest) bool {
				return spare && s.chains[chain]
			})
		})
	})
}
