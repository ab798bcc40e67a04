package main

import (
	"fmt"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// hostNetwork looks at what the user has named first. The project's file and the Dockerfile came with the context: they cannot decide.
func (j *job) hostNetwork() (h cli.HostNetwork) {
	for _, ref := range j.request.References() {
		if !address.NeedsHostNetwork(ref.Name) {
			continue
		}
		if j.project.has(ref.Name) {
			h.Unasked = j.project.refused(ref.Name)
			continue
		}
		return cli.HostNetwork{Asks: ref.By}
	}
	if h.Unasked != nil {
		return h
	}
	if image := j.request.LoopbackImage(); image != nil {
		h.Unasked = &cli.Usage{Err: image, Hint: "if the Dockerfile may decide that: " + cli.HostNetworkFlag}
	}
	return h
}

// projectNames are the names that a push has by the project's file.
type projectNames struct {
	names []reference.NamedTagged
	line  int // of the file, from 1
}

func (p projectNames) has(name string) bool {
	for _, n := range p.names {
		if n.String() == name || n.Name() == name {
			return true
		}
	}
	return false
}

func (p projectNames) refused(name string) error {
	return &cli.Usage{
		Err: fmt.Errorf("%s:%d: %q is in a registry on loopback, which a builder reaches on the host's network only,"+
			" and it is not for a project's file to put the builder there", projectFile, p.line, name),
		Hint: fmt.Sprintf("if that is meant: -t %s, or %s", name, cli.HostNetworkFlag),
	}
}
