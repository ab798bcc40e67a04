package source

import (
	"bytes"
	"cmp"
	"context"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// noPatterns is an ignore file that excludes nothing. BuildKit takes an empty one for none.
var noPatterns = []byte("#\n")

// Inputs returns the platform's Dockerfile and its ignore file as inputs of a frontend, which then requests neither from the session (BuildKit,
// frontend/dockerui), and removes from the frontend's attributes what would make it do so. The files are a step of the builder's, found in its
// cache if nothing has changed. The inputs are nil if the context is not local, so that the frontend finds the Dockerfile there.
func (s Source) Inputs(ctx context.Context, p platform.Platform, attrs map[string]string) map[string]*pb.Definition {
	d := s.DockerfileOf(p)
	if s.Dirs[ContextName] == "" || d.dir == "" {
		return nil
	}
	ignore := s.ignore
	if d.ignore != nil {
		ignore = d.ignore
	}
	if len(ignore) == 0 {
		ignore = noPatterns
	}
	if _, err := ignorefile.ReadAll(bytes.NewReader(ignore)); err != nil {
		return nil // the frontend's error has the file's own name
	}
	name := cmp.Or(d.Name, dockerfileName)
	files := llb.Scratch().File(llb.Mkfile(name, 0o644, []byte(d.Text)).Mkfile(name+ignoreSuffix, 0o644, ignore),
		llb.WithCustomName("[internal] load build definition from "+name))
	def, err := files.Marshal(ctx)
	if err != nil {
		return nil
	}
	delete(attrs, "dockerfilekey") // the inputs would not be used
	return map[string]*pb.Definition{localDockerfile: def.ToPB()}
}
