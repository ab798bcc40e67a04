package explain

import (
	"errors"

	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
)

// inputHint returns what to do about an input: the context, the Dockerfile, the metadata file of another build.
func inputHint(err error) string {
	if file, ok := errors.AsType[*source.ContextError](err); ok {
		return "to build from an archive: docker multiarch build - < " + file.Path
	}
	if file, ok := errors.AsType[*source.DockerfileError](err); ok {
		if file.Err == nil {
			return "name it with -f, or give another build context"
		}
		return "name the Dockerfile with -f; it may be in any folder"
	}
	if unpushed, ok := errors.AsType[*merge.UnpushedError](err); ok {
		if unpushed.Unnamed {
			return "build with --tag"
		}
		return "build with --push"
	}
	return ""
}
