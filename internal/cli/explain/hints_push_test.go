package explain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
)

func TestAPushOfTheBuilderThatIsNotTakenComesWithAWay(t *testing.T) {
	refused := errors.New("unexpected status from GET request to https://r.example/token: 401 Unauthorized")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a login":       {&failure.TokenError{Registry: "r.example", Repository: "r.example/app", Err: refused}, "r.example/app, or has expired; run: docker login r.example"},
		"Docker Hub's":  {&failure.TokenError{Registry: "docker.io", Repository: "docker.io/a/b", Err: refused}, "docker.io/a/b, or has expired; run: docker login"},
		"its way":       {&failure.BuilderPushError{Err: errors.New("failed to push r.example/app: x")}, "docker multiarch push app.tar NAME"},
		"a killed step": {fmt.Errorf(`process "make" did not complete successfully: exit code: 137: cannot allocate memory`), "give the engine's machine more memory"},
		"another step":  {fmt.Errorf(`process "make" did not complete successfully: exit code: 1`), ""},
	} {
		if got := Hint(&index.PushError{Err: tt.err}); !strings.HasSuffix(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
