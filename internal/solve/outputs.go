package solve

import (
	"encoding/csv"
	"maps"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// pushes: something is to be in a registry.
func (r Request) pushes() bool { return len(r.Tags)+len(r.ByDigest) > 0 }

// attested: each image comes with attestations.
func (r Request) attested() bool { return len(r.Attests) > 0 }

// captures: the manifests are to be brought to this machine. A registry shows them, unless the builder must not push them:
// it pushes attestations before the images that they are about, which some registries refuse, so those are pushed by us.
func (r Request) captures() bool {
	return r.Outputs.HaveImages() || r.attested() && r.pushes()
}

// MakesImages tells whether somebody wants images, and not only files or the cache.
func (r Request) MakesImages() bool { return r.pushes() || r.captures() }

// imageAttrs are the attributes that the image of one platform is made with. The map is new at each call.
func (r Request) imageAttrs(p platform.Platform) map[string]string {
	attrs := map[string]string{}
	maps.Copy(attrs, r.Outputs.Attrs)
	attrs["oci-mediatypes"] = "true"
	if r.MediaTypes == manifest.Docker {
		attrs["oci-mediatypes"] = "false"
	}
	for k, v := range r.Annotations.At(index.OnManifest, &p) {
		attrs["annotation."+k] = v
	}
	return attrs
}

// defaultScanner is BuildKit's (frontend/attestations/parse.go).
const defaultScanner = "docker/buildkit-syft-scanner:stable-1"

// scanner is the image that makes the SBOM; "" if none is asked for.
func (r Request) scanner() string {
	attrs, ok := r.Attests["sbom"]
	if !ok {
		return ""
	}
	fields, err := csv.NewReader(strings.NewReader(attrs)).Read()
	if err != nil {
		return defaultScanner // BuildKit will say it better
	}
	for _, f := range fields {
		if image, ok := strings.CutPrefix(f, "generator="); ok {
			return image
		}
	}
	return defaultScanner
}
