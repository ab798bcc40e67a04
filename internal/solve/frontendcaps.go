package solve

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"

	"github.com/docker-multiarch/docker-multiarch/internal/source"
)

// caps are what a frontend must know to read a build with these attributes: an older one then refuses it instead of leaving out
// what it does not know (BuildKit, frontend/dockerfile/builder/caps.go; docker buildx asks for the same).
func caps(attrs map[string]string) string {
	needed := map[string]bool{}
	for key, value := range attrs {
		named := strings.HasPrefix(key, "context:")
		if named {
			needed["moby.buildkit.frontend.contexts+forward"] = true
		}
		if !named && key != source.ContextName {
			continue
		}
		if _, git, _ := dfgitutil.ParseGitRef(value); git && strings.Contains(value, "?") {
			if named {
				needed["moby.buildkit.frontend.gitquerystring+forward"] = true
			} else {
				needed["moby.buildkit.frontend.gitquerystring"] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(needed)), ",")
}
