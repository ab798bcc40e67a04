package cross

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// exclusion returns why a chain is excluded whatever recipes say; zero if it is not.
func (m *relocator) exclusion(t *stageOutput) diag.Diagnostic {
	why := m.files.author(t)
	if !why.Found() {
		why = m.excludedBase(t)
	}
	if !why.Found() {
		why = m.excludedSteps(t)
	}
	if why.Found() && why.Line == 0 {
		why.File, why.Line = m.files.from(t.step)
	}
	return why
}

// reason returns why a chain is not relocated. line is 0 if there is no place.
func reason(check, message, file string, line int) diag.Diagnostic {
	return diag.Diagnostic{Check: check, Severity: diag.Note, Message: message, File: file, Line: line}
}

func (m *relocator) excludedBase(t *stageOutput) diag.Diagnostic {
	no := func(format string, args ...any) diag.Diagnostic {
		return reason("base", fmt.Sprintf(format, args...), "", 0)
	}
	base := t.chain[0]
	if base.Kind != graph.Source {
		return no("it does not start from an image")
	}
	if t.image.Name == "" {
		scheme, _, _ := strings.Cut(base.Source, "://")
		if scheme == "oci-layout" {
			return no("its base image is a folder of the client, which may have no image for %s", platform.Format(m.Native))
		}
		return no("it starts from a source of %s, not from an image", scheme)
	}
	if !platform.Equal(t.image.Platform, m.Target) {
		return no("its base image is for %s, and the build for %s", platform.Format(t.image.Platform), platform.Format(m.Target))
	}
	if t.image.Digest == "" {
		return no("its base image is not pinned to a digest")
	}
	for _, other := range m.images {
		if other.Name == t.image.Name && other.Digest != t.image.Digest {
			return no("the build has two different images named %s", t.image.Name)
		}
	}
	return diag.Diagnostic{}
}

func (m *relocator) excludedSteps(t *stageOutput) diag.Diagnostic {
	for _, s := range t.chain[1:] {
		if s.Kind == graph.Exec && s.Platform.Architecture != "" && !platform.Equal(s.Platform, m.Target) {
			return reason("arch", fmt.Sprintf("%s runs on %s", s.Name, platform.Format(s.Platform)), s.File, s.Line)
		}
	}
	return diag.Diagnostic{}
}
