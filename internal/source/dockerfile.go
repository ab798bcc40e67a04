package source

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// Dockerfile is the location of one Dockerfile.
type Dockerfile struct {
	// Local is the name of the local directory that has it; "" if the remote context has it.
	Local string
	// Name is the file's name in that directory; "" for the frontend's default.
	Name string
	// Shown is the user's name for it.
	Shown string
	// Text is the content of a local Dockerfile.
	Text string

	dir    string // the local directory
	ignore []byte // the ignore file for this Dockerfile alone; nil if there is none
	forced bool   // the frontend must be told that it is not in the context
}

// localDockerfiles returns the contents of the Dockerfiles of all platforms; nil for one that is not local.
func (s Source) localDockerfiles() [][]byte {
	all := slices.Collect(maps.Values(s.Own))
	if s.Dockerfile.Shown != "" || len(all) == 0 {
		all = append(all, s.Dockerfile)
	}
	contents := make([][]byte, len(all))
	for i, d := range all {
		if d.dir != "" {
			contents[i] = append([]byte{}, d.Text...)
		}
	}
	return contents
}

var runLine = lazyregexp.New(`(?im)^\s*RUN\s`)

// MayRun guesses whether a Dockerfile runs programs, so that nodes are probed early. Where the guess is wrong (a base image's ONBUILD RUN)
// nodes are probed once the graph is known.
func (s Source) MayRun() bool {
	return slices.ContainsFunc(s.localDockerfiles(), func(data []byte) bool { return data == nil || runLine().Match(data) })
}

// OnlyForBuilding reports whether every FROM of the image is for the platform of the builder, so that the image need not have the requested
// platforms. It is a guess from local Dockerfiles; an image with another spelling of its name is not found.
func (s Source) OnlyForBuilding(image string) bool {
	from := regexp.MustCompile(`(?im)^\s*(?:FROM\s+(--platform=\S+\s+)?|.*\bfrom=)` + regexp.QuoteMeta(image) + `(?::latest)?(?:[\s,]|$)`)
	found := 0
	for _, data := range s.localDockerfiles() {
		for _, m := range from.FindAllSubmatch(data, -1) {
			found++
			if !strings.Contains(string(m[1]), "BUILDPLATFORM") {
				return false
			}
		}
	}
	return found > 0
}
