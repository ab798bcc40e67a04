package recipe_test

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestOfAStageThatIsNotOfItsKindARecipeSaysNothing(t *testing.T) {
	golang, _ := recipe.Find("go")
	for name, tt := range map[string]struct {
		run, env string
		check    string
	}{
		"make":                    {"make", "A=b", "nothing"},
		"make for the target":     {"make $TARGETARCH", "TARGETARCH=arm64", "nothing"},
		"a word with go in it":    {"cargo build && ./go-on && mongo.go", "A=b", "nothing"},
		"make, and go":            {"make;go build", "A=b", "command"},
		"make on an image for Go": {"make", "GOLANG_VERSION=1.26.8", "command"},
	} {
		s := recipe.Stage{
			Target: platform.Platform{OS: "linux", Architecture: "arm64"}, Native: platform.Platform{OS: "linux", Architecture: "amd64"},
			Steps: []graph.Step{{Kind: graph.Exec, Digest: "sha256:1", Name: tt.run, Args: []string{"/bin/sh", "-c", tt.run}, Env: []string{tt.env}}},
		}
		if ok, why := golang.Precheck(s); ok || why.Check != tt.check {
			t.Errorf("%s: %v, %+v", name, ok, why)
		}
	}
}
