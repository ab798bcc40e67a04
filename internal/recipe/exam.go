package recipe

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// exam is one judgement of a stage.
type exam struct {
	Recipe
	Stage
	edits map[digest.Digest]Edit
}

func (r Recipe) exam(s Stage) *exam {
	return &exam{Recipe: r, Stage: s, edits: map[digest.Digest]Edit{}}
}

// Ask returns the paths of base images that [Recipe.Judge] must know: those to be read, and those of which it is enough to know whether
// they exist and hold something. target is the configuration of the base image for the platform that is built.
func (r Recipe) Ask(_ ocispecs.ImageConfig, leaves []Leave) (read, exists []string) {
	if r.Name == "go" {
		read, exists = []string{"/usr/local/go/VERSION"}, []string{"/usr/local/go/bin/go"}
	}
	for _, l := range leaves {
		exists = append(exists, l.Path)
	}
	return read, exists
}

func (e *exam) commands() Reason {
	compiles := false
	for _, s := range e.Steps {
		if s.Kind != graph.Exec {
			continue
		}
		text := strings.Join(s.Args, " ")
		switch {
		case strings.Contains(text, "go build") && !strings.Contains(text, "&&"):
			compiles = true
			e.edits[s.Digest] = Edit{Env: []string{"GOOS=" + e.Target.OS, "GOARCH=" + e.Target.Architecture}}
		case strings.Contains(text, "go mod download"):
		case !e.Named:
			return Reason{Check: "command", Message: fmt.Sprintf("%s is not known to do the same for another CPU", s.Name), File: s.File, Line: s.Line}
		}
	}
	if !compiles {
		return Reason{Check: "nothing", Message: "nothing in it compiles"}
	}
	return Reason{}
}

func (e *exam) leaves() Reason {
	for _, l := range e.Leaves {
		if l.Path == "/" || e.Base.Native.Files[l.Path].Holds || e.Base.Target.Files[l.Path].Holds {
			return Reason{Check: "leaves-base", Message: fmt.Sprintf("%s is taken from it, which is of its base image", l.Path), Line: l.Line}
		}
	}
	return Reason{}
}

func (e *exam) base() Reason {
	if e.Base.Native == nil || e.Base.Target == nil {
		return Reason{Check: "base", Message: "its base image " + e.Base.Reason}
	}
	return Reason{}
}
