package gate

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// SameLayers finds platforms whose added layers are identical. This is correct if the layers have nothing for a CPU. Otherwise
// all platforms have the same program by mistake. The images are compared in their order, and each note is about the later one.
func SameLayers(images []Image) (findings []diag.Diagnostic) {
	for i, img := range images {
		own := added(img)
		if len(own) == 0 {
			continue
		}
		j := slices.IndexFunc(images[:i], func(other Image) bool {
			return platform.Normalize(other.Platform).Architecture != platform.Normalize(img.Platform).Architecture && slices.Equal(added(other), own)
		})
		if j >= 0 {
			findings = append(findings, diag.Diagnostic{
				Severity: diag.Note, Check: CheckSameLayers, Platforms: []string{platform.Format(img.Platform)}, Content: diag.Content{Digest: own[len(own)-1]},
				Message: fmt.Sprintf("the build added the same files as for %s", platform.Format(images[j].Platform)),
			})
		}
	}
	return findings
}

func added(img Image) (digests []digest.Digest) {
	for _, l := range img.Layers {
		if !l.Base {
			digests = append(digests, l.Descriptor.Digest)
		}
	}
	return digests
}
