package manifests

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// The types in this file have the form of docker manifest inspect's output (docker/cli cli/command/manifest/inspect.go,
// cli/manifest/types), with the same order of members and the same indentation, so that scripts can read either.

// dockerList is a list as docker manifest prints it: the media type is that of the first image's family, and entries have no annotations.
type dockerList struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []dockerListEntry `json:"manifests"`
}

type dockerListEntry struct {
	MediaType string            `json:"mediaType,omitempty"`
	Size      int64             `json:"size,omitempty"`
	Digest    digest.Digest     `json:"digest,omitempty"`
	Platform  ocispecs.Platform `json:"platform"`
}

func listJSON(entries []ocispecs.Descriptor) ([]byte, error) {
	list := dockerList{SchemaVersion: 2, MediaType: manifest.MediaTypeDockerList, Manifests: []dockerListEntry{}}
	if len(entries) > 0 && entries[0].MediaType == ocispecs.MediaTypeImageManifest {
		list.MediaType = ocispecs.MediaTypeImageIndex
	}
	for _, e := range entries {
		entry := dockerListEntry{MediaType: e.MediaType, Size: e.Size, Digest: e.Digest}
		if e.Platform != nil {
			entry.Platform = *e.Platform
		}
		list.Manifests = append(list.Manifests, entry)
	}
	return json.MarshalIndent(list, "", "   ")
}

// shown is a manifest with all that is printed about it.
type shown struct {
	Ref        reference.Named
	Descriptor ocispecs.Descriptor
	blobs      content.Fetcher
	body       []byte
}

// dockerManifest is what docker manifest inspect -v prints of one manifest.
type dockerManifest struct {
	Ref              string
	Descriptor       ocispecs.Descriptor
	Raw              []byte          `json:",omitempty"`
	SchemaV2Manifest json.RawMessage `json:",omitempty"`
	OCIManifest      json.RawMessage `json:",omitempty"`
}

func (s shown) json() dockerManifest {
	d := s.Descriptor
	m := dockerManifest{Ref: s.Ref.String(), Raw: s.body, Descriptor: ocispecs.Descriptor{
		MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Platform: d.Platform,
	}}
	if manifest.FamilyOf(d.MediaType) == manifest.Docker {
		m.SchemaV2Manifest = s.body
	} else {
		m.OCIManifest = s.body
	}
	return m
}

// manifestsAtOnce bounds the number of manifests that are read at the same time.
const manifestsAtOnce = 8

func verboseJSON(ctx context.Context, entries []shown) ([]byte, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(manifestsAtOnce)
	for n := range entries {
		s := &entries[n]
		group.Go(func() (err error) {
			s.body, err = content.FetchAll(groupCtx, s.blobs, s.Descriptor)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make([]dockerManifest, len(entries))
	for n, s := range entries {
		all[n] = s.json()
	}
	return json.MarshalIndent(all, "", "\t")
}

func indented(body []byte) ([]byte, error) {
	var out bytes.Buffer
	err := json.Indent(&out, body, "", "\t")
	return out.Bytes(), err
}
