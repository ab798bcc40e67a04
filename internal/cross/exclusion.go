package cross

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// exclusion returns why a chain is excluded whatever recipes say, or the zero Reason if it is not.
func (m *relocator) exclusion(t *tip) recipe.Reason {
	why := m.files.author(t)
	if why == (recipe.Reason{}) {
		why = m.excludedBase(t)
	}
	if why == (recipe.Reason{}) {
		why = m.excludedSteps(t)
	}
	if why != (recipe.Reason{}) && why.Line == 0 {
		why.File, why.Line = m.files.from(t.step)
	}
	return why
}

func (m *relocator) excludedBase(t *tip) recipe.Reason {
	no := func(format string, args ...any) recipe.Reason {
		return recipe.Reason{Check: "base", Message: fmt.Sprintf(format, args...)}
	}
	base := t.chain[0]
	if base.Kind != graph.Source {
		return no("it begins with no image")
	}
	if t.image.Name == "" {
		scheme, _, _ := strings.Cut(base.Source, "://")
		if scheme == "oci-layout" {
			return no("its base image is a folder of the client's, which is not known to have an image for %s", platform.Format(m.Native))
		}
		return no("it begins with no image, but with a source of %s", scheme)
	}
	if !platform.Equal(t.image.Platform, m.Target) {
		return no("its base image is for %s, and what is built for %s", platform.Format(t.image.Platform), platform.Format(m.Target))
	}
	if t.image.Digest == "" {
		return no("its base image is not pinned to a digest")
	}
	for _, other := range m.images {
		if other.Name == t.image.Name && other.Digest != t.image.Digest {
			return no("the build has two different images of the name %s", t.image.Name)
		}
	}
	return recipe.Reason{}
}

func (m *relocator) excludedSteps(t *tip) recipe.Reason {
	for _, s := range t.chain[1:] {
		if s.Kind == graph.Exec && s.Platform.Architecture != "" && !platform.Equal(s.Platform, m.Target) {
			return recipe.Reason{Check: "arch", Message: fmt.Sprintf("%s runs on %s", s.Name, platform.Format(s.Platform)), File: s.File, Line: s.Line}
		}
	}
	return recipe.Reason{}
}
