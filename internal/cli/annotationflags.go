package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// annotationLevel matches the level of an annotation, with an optional platform in brackets.
var annotationLevel = lazyregexp.New(`^([a-z-]*)(?:\[([A-Za-z0-9_./-]+)\])?$`)

// ParseAnnotations reads "[LEVEL[PLATFORM],…:]KEY=VALUE" as docker buildx does. An annotation without a level belongs to the manifest.
func ParseAnnotations(values []string) (index.Annotations, error) {
	var list index.Annotations
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--annotation %q is not of the form [LEVEL:]KEY=VALUE", v)
		}
		levels, name, ok := strings.Cut(key, ":")
		if !ok {
			levels, name = "", key
		}
		if name == "" {
			return nil, fmt.Errorf("--annotation %q has no key", v)
		}
		for level := range strings.SplitSeq(levels, ",") {
			a, err := parseLevel(level)
			if err != nil {
				return nil, fmt.Errorf("--annotation %q: %w", v, err)
			}
			a.Key, a.Value = name, value
			list = append(list, a)
		}
	}
	return list, nil
}

func parseLevel(text string) (index.Annotation, error) {
	groups := annotationLevel().FindStringSubmatch(text)
	if groups == nil {
		return index.Annotation{}, fmt.Errorf("the level %q is not of the form LEVEL or LEVEL[PLATFORM]", text)
	}
	a := index.Annotation{Level: index.Level(groups[1])}
	switch a.Level {
	case "":
		a.Level = index.OnManifest
	case index.OnManifest, index.OnManifestDescriptor:
	case index.OnIndex, index.OnIndexDescriptor:
		if groups[2] != "" {
			return a, fmt.Errorf("the level %q is for all platforms: leave out [%s]", a.Level, groups[2])
		}
	default:
		return a, fmt.Errorf("the level %q is not one of manifest, manifest-descriptor, index, index-descriptor", groups[1])
	}
	if groups[2] == "" {
		return a, nil
	}
	ps, _, err := platform.Parse(groups[2])
	if err != nil {
		return a, err
	}
	if len(ps) != 1 {
		return a, errors.New("the brackets take one platform")
	}
	a.Platform = &ps[0]
	return a, nil
}

// AnnotationAttrs takes the annotations out of an output's attributes, in the form that BuildKit and docker buildx use there:
// "annotation.KEY", "annotation-index.KEY", "annotation[linux/arm64].KEY".
func AnnotationAttrs(attrs map[string]string) (index.Annotations, error) {
	var list index.Annotations
	for attr, value := range attrs {
		rest, ok := strings.CutPrefix(attr, "annotation")
		if !ok {
			continue
		}
		level, key, ok := strings.Cut(rest, ".")
		if i := strings.LastIndex(rest, "]."); i >= 0 { // a platform may contain a dot
			level, key = rest[:i+1], rest[i+2:]
		}
		if !ok || key == "" || !strings.HasPrefix(level, "-") && !strings.HasPrefix(level, "[") && level != "" {
			return nil, fmt.Errorf("--output: %q is not of the form annotation[-LEVEL].KEY", attr)
		}
		a, err := parseLevel(strings.TrimPrefix(level, "-"))
		if err != nil {
			return nil, fmt.Errorf("--output: %q: %w", attr, err)
		}
		a.Key, a.Value = key, value
		list = append(list, a)
		delete(attrs, attr)
	}
	return list, nil
}
