package results

import (
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// MetadataSchema is raised when a field of multiarch changes its meaning or is removed. New fields do not raise it.
const MetadataSchema = 1

// TagMetadata is a tag in a metadata file, with its state.
type TagMetadata struct {
	Name   string         `json:"name"`
	Digest digest.Digest  `json:"digest"`
	State  manifest.State `json:"state"`
}
