package draft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// version is the version of the file format. A file with a higher version belongs to a newer program and is left alone.
const version = 1

// Draft is a manifest list in the making. Its JSON is the file.
type Draft struct {
	Version int           `json:"version"`
	List    string        `json:"list"`             // the whole name, with registry and tag
	Pushed  digest.Digest `json:"pushed,omitempty"` // the last pushed index, or empty
	Images  []Image       `json:"images"`           // in the order of their addition
}

// Image is a name that was given for the list, and the content it referred to.
type Image struct {
	Name     string              `json:"name"` // the whole name, with registry and tag or digest
	Root     ocispecs.Descriptor `json:"root"` // an image or an index
	Children []Child             `json:"children"`

	others int // number of index entries that are neither images nor attestations of one
}

// Child is one image of a name: the image itself, or one of an index.
type Child struct {
	// Descriptor is the entry in the list without annotations. Its platform is that of the image's index, completed from its
	// configuration, or that of the configuration.
	Descriptor   ocispecs.Descriptor   `json:"descriptor"`
	Config       ocispecs.Platform     `json:"config"`              // according to the image's own configuration
	Annotated    *ocispecs.Platform    `json:"annotated,omitempty"` // the fields that the user set
	Forced       bool                  `json:"forced,omitempty"`    // Annotated may contradict Config
	Attestations []ocispecs.Descriptor `json:"attestations,omitempty"`
}

// ErrNone means a list without a draft.
var ErrNone = errors.New("no such manifest")

// Platform returns the child's platform in the list. It shares no memory with the child.
func (c Child) Platform() ocispecs.Platform {
	var p ocispecs.Platform
	if c.Descriptor.Platform != nil {
		p = *c.Descriptor.Platform
	}
	p.OSFeatures = slices.Clone(p.OSFeatures)
	set := c.Annotated
	if set == nil {
		return p
	}
	if set.OS != "" {
		p.OS = set.OS
	}
	if set.Architecture != "" {
		if !sameArch(set.Architecture, p.Architecture) {
			p.Variant = "" // another architecture's variant
		}
		p.Architecture = set.Architecture
	}
	if set.Variant != "" {
		p.Variant = set.Variant
	}
	if set.OSVersion != "" {
		p.OSVersion = set.OSVersion
	}
	for _, feature := range set.OSFeatures {
		if !slices.Contains(p.OSFeatures, feature) {
			p.OSFeatures = append(p.OSFeatures, feature)
		}
	}
	return p
}

// Entry returns the child's entry in the list.
func (c Child) Entry() ocispecs.Descriptor {
	p := c.Platform()
	entry := c.Descriptor
	entry.Platform = &p
	return entry
}

// Entry is an entry of the list, and the name that it came from.
type Entry struct {
	Name       string
	Only       bool // the name refers to this image alone
	Descriptor ocispecs.Descriptor
}

// Entries returns the entries of the list: images in the order of platform.Compare, then their attestations in the same order. An
// image that was given twice is listed once. There may be two images for one platform, which no index may have.
func (d Draft) Entries() []Entry {
	var images, attestations []Entry
	for _, image := range d.Images {
		for _, child := range image.Children {
			images = append(images, Entry{Name: image.Name, Only: child.Descriptor.Digest == image.Root.Digest, Descriptor: child.Entry()})
		}
	}
	slices.SortStableFunc(images, func(a, b Entry) int {
		return cmp.Or(platform.Compare(*a.Descriptor.Platform, *b.Descriptor.Platform), cmp.Compare(a.Descriptor.Digest, b.Descriptor.Digest))
	})
	images = slices.CompactFunc(images, func(a, b Entry) bool {
		return a.Descriptor.Digest == b.Descriptor.Digest && platform.Equal(*a.Descriptor.Platform, *b.Descriptor.Platform)
	})
	for _, entry := range images {
		for _, desc := range d.attestations(entry.Descriptor.Digest) {
			attestations = append(attestations, Entry{Name: entry.Name, Descriptor: desc})
		}
	}
	return append(images, attestations...)
}

func (d Draft) attestations(about digest.Digest) []ocispecs.Descriptor {
	for _, image := range d.Images {
		for _, child := range image.Children {
			if child.Descriptor.Digest == about {
				return child.Attestations
			}
		}
	}
	return nil
}

// Descriptors returns the descriptors of the entries.
func (d Draft) Descriptors() []ocispecs.Descriptor {
	var all []ocispecs.Descriptor
	for _, entry := range d.Entries() {
		all = append(all, entry.Descriptor)
	}
	return all
}

// EntryOf returns the entry of the image that [Draft.Find] finds.
func (d Draft) EntryOf(name reference.Named) (Entry, error) {
	i, j, err := d.Find(name)
	if err != nil {
		return Entry{}, err
	}
	image := d.Images[i]
	child := image.Children[j]
	return Entry{Name: image.Name, Only: child.Descriptor.Digest == image.Root.Digest, Descriptor: child.Entry()}, nil
}

// Duplicates returns a sentence for each platform with several images.
func (d Draft) Duplicates() []string {
	var said []string
	first := map[string]Entry{}
	for _, entry := range d.Entries() {
		if manifest.IsAttestation(entry.Descriptor) {
			continue
		}
		key := platform.Format(*entry.Descriptor.Platform)
		before, double := first[key]
		if !double {
			first[key] = entry
			continue
		}
		said = append(said, fmt.Sprintf("two images for %s: %s and %s", key, familiar(before.Name), familiar(entry.Name)))
	}
	return said
}

// Find returns the positions of an image and of its only child by name: the given name, or the digest of one image of a given
// index. An index of several images is an error.
func (d Draft) Find(name reference.Named) (image, child int, err error) {
	digested, byDigest := name.(reference.Digested)
	for i, image := range d.Images {
		for j, child := range image.Children {
			if byDigest && child.Descriptor.Digest == digested.Digest() && repository(image.Name) == name.Name() {
				return i, j, nil
			}
		}
		if image.Name == name.String() && len(image.Children) == 1 {
			return i, 0, nil
		}
		if image.Name == name.String() {
			return 0, 0, fmt.Errorf("%q is an index of %d images in %s: say which one by its digest, such as %q",
				familiar(image.Name), len(image.Children), familiar(d.List), repository(image.Name)+"@"+image.Children[0].Descriptor.Digest.String())
		}
	}
	return 0, 0, fmt.Errorf("manifest for image %s does not exist in %s: %w", reference.FamiliarString(name), familiar(d.List), ErrNone)
}

// family returns Docker's media types if all children have them, otherwise OCI's.
func (d Draft) family() manifest.Family {
	for _, entry := range d.Descriptors() {
		if manifest.FamilyOf(entry.MediaType) != manifest.Docker {
			return manifest.OCI
		}
	}
	return manifest.Docker
}

// familiar returns the short form of a full name.
func familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}

// repository returns a full name without tag and digest.
func repository(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return named.Name()
}

func sameArch(a, b string) bool {
	return platform.Equal(ocispecs.Platform{OS: "linux", Architecture: a}, ocispecs.Platform{OS: "linux", Architecture: b})
}
