package index

import (
	"maps"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Level is the document that has an annotation.
type Level string

// The levels, as docker buildx names them: the image manifests, their entries in the index, the index, and its entry in the index.json of
// an OCI layout.
const (
	OnManifest           Level = "manifest"
	OnManifestDescriptor Level = "manifest-descriptor"
	OnIndex              Level = "index"
	OnIndexDescriptor    Level = "index-descriptor"
)

// Annotation is one key and its value.
type Annotation struct {
	Level Level
	// Platform limits a manifest's annotation to one platform; nil means all.
	Platform   *platform.Platform
	Key, Value string
}

// Annotations are in the order in which they were given. A later one of the same key takes precedence, and one for a platform takes
// precedence over one for all.
type Annotations []Annotation

// At returns the annotations of a level, for one platform where the level has platforms; nil if there are none.
func (as Annotations) At(level Level, p *platform.Platform) map[string]string {
	all, own := map[string]string{}, map[string]string{}
	for _, a := range as {
		switch {
		case a.Level != level:
		case a.Platform == nil:
			all[a.Key] = a.Value
		case p != nil && platform.Equal(*a.Platform, *p):
			own[a.Key] = a.Value
		}
	}
	maps.Copy(all, own)
	if len(all) == 0 {
		return nil
	}
	return all
}

// Has reports whether the level has any annotations.
func (as Annotations) Has(level Level) bool {
	for _, a := range as {
		if a.Level == level {
			return true
		}
	}
	return false
}
