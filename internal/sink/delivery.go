package sink

import (
	"cmp"
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Delivery says where a build's result goes, and in which form.
type Delivery struct {
	// Tags are the tags to move in registries, in the order given. They may be in several repositories.
	Tags []reference.NamedTagged
	// ByDigest are repositories that get the result without a tag.
	ByDigest []reference.Named
	// Insecure allows the builder to push by plain HTTP or without verifying certificates.
	Insecure bool
	// Outputs besides the registries.
	Outputs Outputs
	// Annotations are those of the result.
	Annotations index.Annotations
	// Attests are the attestations of each image, by their type ("provenance", "sbom"), with BuildKit's attributes for them
	// ("type=provenance,mode=max").
	Attests map[string]string
	// Hidden has texts that no attestation may contain, each with its replacement: a proxy URL with its password, which the build gets
	// although the user has not named it, and the same URL without the password. Files of the type "local" or "tar" are not searched.
	Hidden map[string]string
	// MediaTypes is the one family of media types of the index and of its whole content; the zero value means OCI.
	MediaTypes manifest.Family
	// Index asks for an index even if there is only one platform.
	Index bool
}

// Repositories returns the distinct repositories that are pushed to, in order of first appearance.
func (d Delivery) Repositories() []reference.Named { return index.Repositories(d.Tags, d.ByDigest...) }

// Pushes reports whether the result goes to a registry.
func (d Delivery) Pushes() bool { return len(d.Tags)+len(d.ByDigest) > 0 }

// Attested reports whether each image comes with attestations.
func (d Delivery) Attested() bool { return len(d.Attests) > 0 }

// MakesImages reports whether images are wanted, and not only files or the cache.
func (d Delivery) MakesImages() bool { return d.Pushes() || d.captures() }

// captures reports whether the manifests are transferred to this machine. They can be read from a registry, unless the builder must not
// push them: BuildKit pushes attestations before the images they describe, which some registries refuse, so the client pushes those.
func (d Delivery) captures() bool { return d.Outputs.HaveImages() || d.Attested() && d.Pushes() }

// NewDocuments returns a store for the documents of an image, and for its layers if they are taken, in a new folder in dir.
func (d Delivery) NewDocuments(dir string) (*index.Documents, error) {
	if !d.TakesLayers() {
		return index.NewDocuments(), nil
	}
	dir, err := os.MkdirTemp(dir, "layers-")
	if err != nil {
		return nil, err
	}
	return index.NewDocumentsWithLayers(dir)
}

// TakesLayers reports whether the layers are transferred to this machine with the export, and not when an output needs them. BuildKit keeps
// layers with rewritten timestamps for the export only: no step of its cache has them (exporter/containerimage/writer.go), and it removes
// them at any time after that.
func (d Delivery) TakesLayers() bool {
	rewritten, _ := strconv.ParseBool(d.Outputs.Attrs[string(exptypes.OptKeyRewriteTimestamp)])
	return rewritten && d.Outputs.HaveImages()
}

// defaultScanner is BuildKit's default (frontend/attestations/parse.go).
const defaultScanner = "docker/buildkit-syft-scanner:stable-1"

// Scanner returns the image that makes the SBOM; "" if none is requested.
func (d Delivery) Scanner() string {
	attrs, ok := d.Attests["sbom"]
	if !ok {
		return ""
	}
	fields, err := csv.NewReader(strings.NewReader(attrs)).Read()
	if err != nil {
		return defaultScanner // BuildKit reports the error
	}
	for _, f := range fields {
		if image, ok := strings.CutPrefix(f, "generator="); ok {
			return image
		}
	}
	return defaultScanner
}

// Sinks returns the destinations of a result in the order in which they are committed: those that may refuse it come first. They read each
// blob from its node once.
func (d Delivery) Sinks(env Env, files *StagedFiles, r Result) (list []Sink) {
	r.once = transfer.NewOnce(r.Index.Blobs)
	r.Index.Blobs = r.once
	if len(d.ByDigest) > 0 {
		list = append(list, &untagged{env.Registry, r, d.ByDigest})
	}
	if len(d.Tags) > 0 {
		list = append(list, &tags{env.Registry, r, d.Tags, env.During})
	}
	ranked := slices.SortedStableFunc(slices.Values(d.Outputs.List), func(a, b Output) int { return cmp.Compare(a.rank(), b.rank()) })
	for _, output := range ranked {
		if s := output.sink(env, r); s != nil {
			list = append(list, s)
		}
	}
	return append(list, files)
}
