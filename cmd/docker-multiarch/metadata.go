package main

import (
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/build"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// buildMetadata is the content of --metadata-file. The containerimage.* and image.name keys are docker buildx's, with its meaning
// (commands/build.go; BuildKit's exptypes/types.go): they describe what the tags point at.
type buildMetadata struct {
	Digest       digest.Digest       `json:"containerimage.digest"`
	ConfigDigest digest.Digest       `json:"containerimage.config.digest,omitempty"` // of a plain manifest only
	Descriptor   ocispecs.Descriptor `json:"containerimage.descriptor"`
	Name         string              `json:"image.name"` // all tags, with commas
	Multiarch    multiarch           `json:"multiarch"`
}

// metadataSchema is raised when a field of multiarch changes its meaning or goes; new fields do not raise it.
const metadataSchema = 1

// multiarch is what docker multiarch adds.
type multiarch struct {
	Schema    int                `json:"schemaVersion"`
	Index     digest.Digest      `json:"index,omitempty"` // digest of the index; none for a plain manifest
	Platforms []platformMetadata `json:"platforms"`       // in the order of the index
	Tags      []tagMetadata      `json:"tags"`            // in the order asked for
}

type platformMetadata struct {
	Platform string        `json:"platform"`
	Manifest digest.Digest `json:"manifest"`
	Config   digest.Digest `json:"config"`
	Size     int64         `json:"size"`               // bytes of the layers and the config, as the registry has them
	Node     string        `json:"node"`               // of the builder
	How      build.Mode    `json:"how"`                // native, cross, emulated or emulated (builder)
	Emulator string        `json:"emulator,omitempty"` // "qemu 7.2.22", where it is known
	Seconds  float64       `json:"seconds"`            // of the solve, its push included
}

type tagMetadata struct {
	Name   string         `json:"name"`
	Digest digest.Digest  `json:"digest"`
	State  manifest.State `json:"state"`
}

func newMetadata(req build.Request, report build.Report) buildMetadata {
	m := buildMetadata{Digest: report.Target.Digest, Descriptor: report.Target, Multiarch: multiarch{Schema: metadataSchema}}
	names := make([]string, len(req.Tags))
	for i, t := range req.Tags {
		names[i] = t.String()
	}
	m.Name = strings.Join(names, ",")
	if manifest.IsIndex(report.Target.MediaType) {
		m.Multiarch.Index = report.Target.Digest
	} else {
		m.ConfigDigest = report.Platforms[0].Config
	}
	for _, p := range report.Platforms {
		m.Multiarch.Platforms = append(m.Multiarch.Platforms, platformMetadata{
			Platform: platform.Format(p.Platform), Manifest: p.Manifest.Digest, Config: p.Config, Size: p.Size,
			Node: p.Node, How: p.Mode, Emulator: p.Emulator, Seconds: float64(int(p.Seconds*1000)) / 1000,
		})
	}
	for _, t := range report.Tags {
		m.Multiarch.Tags = append(m.Multiarch.Tags, tagMetadata{Name: t.Ref, Digest: t.Digest, State: t.State})
	}
	return m
}
