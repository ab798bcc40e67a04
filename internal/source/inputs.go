package source

import (
	"bytes"
	"context"
	"maps"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// noPatterns is an ignore file that excludes nothing. BuildKit takes an empty one for none.
var noPatterns = []byte("#\n")

// Inputs returns the platform's Dockerfile and its ignore file as inputs of a frontend, which then requests neither from the session (BuildKit,
// frontend/dockerui), and the frontend's attributes with which it does so. Such a file is a step of the builder's, found in its cache if nothing
// has changed. The inputs are nil if the context is not local, so that the frontend finds the Dockerfile there.
func (s Source) Inputs(ctx context.Context, p platform.Platform, attrs map[string]string) (inputs map[string]*pb.Definition, with map[string]string) {
	d := s.DockerfileOf(p)
	ignore := s.ignore
	if d.ignore != nil {
		ignore = d.ignore
	}
	if len(ignore) == 0 {
		ignore = noPatterns
	}
	if _, err := ignorefile.ReadAll(bytes.NewReader(ignore)); s.Dirs[ContextName] == "" || d.dir == "" || err != nil {
		return nil, attrs // the frontend's error has the file's own name
	}
	name := d.Name
	if name == "" {
		name = dockerfileName
	}
	files := llb.Scratch().File(llb.Mkfile(name, 0o644, []byte(d.Text)).Mkfile(name+ignoreSuffix, 0o644, ignore),
		llb.WithCustomName("[internal] load build definition from "+name))
	def, err := files.Marshal(ctx)
	if err != nil {
		return nil, attrs
	}
	with = maps.Clone(attrs)
	delete(with, "dockerfilekey") // the inputs would not be used
	return map[string]*pb.Definition{localDockerfile: def.ToPB()}, with
}
