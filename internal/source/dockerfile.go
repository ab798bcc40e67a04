package solve

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// localDockerfiles are the contents of the Dockerfiles of all platforms; nil for one that is not local.
func (s Source) localDockerfiles() [][]byte {
	all := slices.Collect(maps.Values(s.Own))
	if s.Dockerfile != (Dockerfile{}) || len(all) == 0 {
		all = append(all, s.Dockerfile)
	}
	contents := make([][]byte, len(all))
	for i, d := range all {
		if d.dir != "" {
			contents[i] = append([]byte{}, d.text...)
		}
	}
	return contents
}

var runLine = regexp.MustCompile(`(?im)^\s*RUN\s`)

// mayRun guesses whether a Dockerfile runs programs, so that the question how the kernel runs them is worth asking ahead. Where
// it guesses wrong (a base image's ONBUILD RUN) the question is asked when the graph is known.
func (s Source) mayRun() bool {
	return slices.ContainsFunc(s.localDockerfiles(), func(data []byte) bool { return data == nil || runLine.Match(data) })
}

// ProbeAhead are the platforms about which a node may be asked before it is known what its own is: those of the request, if they
// are of several architectures, so that one of them is foreign, and if something may run, of the build or of its tests.
func (r Request) ProbeAhead() []platform.Platform {
	foreign := slices.ContainsFunc(r.Platforms, func(p platform.Platform) bool { return p.Architecture != r.Platforms[0].Architecture })
	if !foreign || !r.Source.mayRun() && len(r.tested(r.Platforms)) == 0 {
		return nil
	}
	return r.Platforms
}

// OnlyForBuilding tells whether every FROM of the image says that it is for the platform of the builder, so that it need not be
// there for those that are built. It is a guess from local Dockerfiles; an image that is named in another way is not found.
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
