package tree

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// State is how a platform differs between two trees. The texts are a promise to scripts.
type State string

// These are all states.
const (
	Same    State = "same"    // the manifest is the same, byte for byte
	Changed State = "changed" // both have an image for the platform, and they differ
	Removed State = "removed" // only the first has one
	Added   State = "added"   // only the second has one
)

// Change is the difference of one platform.
type Change struct {
	State State
	A, B  *Image // nil where there is none
	// SharedLayers is the number of B's layers that A has too.
	SharedLayers int
	// Config names the parts of the configuration that differ, sorted: "created", "config.Env" and so on.
	Config []string
	// Attested means that the attestations of the image differ.
	Attested bool
}

// Platform returns the platform of the change.
func (c Change) Platform() string {
	if c.A == nil {
		return platform.Format(*c.B.Descriptor.Platform)
	}
	return platform.Format(*c.A.Descriptor.Platform)
}

// Diff compares two trees by platform, in the canonical order. If a platform has several images, it compares the first with the
// first, the second with the second, and so on.
func Diff(a, b Tree) (changes []Change) {
	i, j := 0, 0
	for i < len(a.Images) || j < len(b.Images) {
		var order int
		switch {
		case i == len(a.Images):
			order = 1
		case j == len(b.Images):
			order = -1
		default:
			order = platform.Compare(*a.Images[i].Descriptor.Platform, *b.Images[j].Descriptor.Platform)
		}
		switch {
		case order < 0:
			changes = append(changes, Change{State: Removed, A: &a.Images[i]})
			i++
		case order > 0:
			changes = append(changes, Change{State: Added, B: &b.Images[j]})
			j++
		default:
			changes = append(changes, compare(&a.Images[i], &b.Images[j]))
			i, j = i+1, j+1
		}
	}
	return changes
}

func compare(a, b *Image) Change {
	c := Change{State: Changed, A: a, B: b}
	if a.Descriptor.Digest == b.Descriptor.Digest {
		c.State = Same
	}
	for _, layer := range b.Manifest.Layers {
		if slices.ContainsFunc(a.Manifest.Layers, func(l ocispecs.Descriptor) bool { return l.Digest == layer.Digest }) {
			c.SharedLayers++
		}
	}
	c.Config = differingKeys(a.ConfigBody, b.ConfigBody, "", "config")
	c.Attested = !slices.Equal(statements(*a), statements(*b))
	return c
}

func statements(img Image) (all []digest.Digest) {
	for _, a := range img.Attestations {
		all = append(all, a.Descriptor.Digest)
	}
	slices.Sort(all)
	return all
}

// differingKeys returns the keys of two JSON objects whose values differ. For the key inner it returns the keys below it.
func differingKeys(a, b []byte, prefix, inner string) (keys []string) {
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return nil
	}
	all := maps.Clone(x)
	maps.Copy(all, y)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		switch {
		case sameJSON(x[key], y[key]):
		case key == inner && len(x[key]) > 0 && len(y[key]) > 0:
			keys = append(keys, differingKeys(x[key], y[key], prefix+key+".", "")...)
		default:
			keys = append(keys, prefix+key)
		}
	}
	return keys
}

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}
