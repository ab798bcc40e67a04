package explain

import (
	"errors"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
)

func TestAnInputThatCannotBeUsedComesWithTheFlagThatNamesAnother(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&source.ContextError{Path: "x.tar"}, "to build from an archive: docker multiarch build - < x.tar"},
		{&source.DockerfileError{Path: "app/Dockerfile"}, "name it with -f, or give another build context"},
		{&source.DockerfileError{Path: "app", Err: errors.New("is a directory")}, "name the Dockerfile with -f; it may be in any folder"},
		{&merge.UnpushedError{File: "a.json", Unnamed: true}, "build with --tag"},
		{&merge.UnpushedError{File: "a.json"}, "build with --push"},
	} {
		if got := Hint(&cli.Usage{Err: tt.err, Help: "docker multiarch build"}); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
