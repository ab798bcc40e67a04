package main

import (
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// metadataSchema is raised when a field of multiarch changes its meaning or goes; new fields do not raise it.
const metadataSchema = 1

// tagMetadata is a tag in a file of metadata, and what became of it.
type tagMetadata struct {
	Name   string         `json:"name"`
	Digest digest.Digest  `json:"digest"`
	State  manifest.State `json:"state"`
}
