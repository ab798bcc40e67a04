package cross

import (
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// nativeName returns the name of a step that runs on the builder's own platform, as BuildKit names a step of a stage FROM
// --platform=$BUILDPLATFORM: "[linux/amd64 build 2/5] COPY . .", and "[linux/amd64->arm64 build 4/5] RUN …" if its effect depends
// on the target. A name that the Dockerfile's frontend did not make is unchanged.
func nativeName(name string, target, native platform.Platform, edited bool) string {
	inside, rest, ok := buildkitmsg.SplitStep(name)
	if !ok {
		return name
	}
	if words := strings.Fields(inside); len(words) > 1 && strings.Contains(words[0], "/") {
		inside = strings.TrimPrefix(strings.TrimPrefix(inside, words[0]), " ")
	}
	on := platform.Format(native)
	if edited {
		on += arrow(target, native)
	}
	return "[" + on + " " + inside + "] " + rest
}

// arrow follows formatTargetPlatform of BuildKit's dockerfile2llb/convert.go.
func arrow(target, native platform.Platform) string {
	target = platform.Normalize(target)
	switch {
	case target.OS != native.OS:
		return "->" + platform.Format(target)
	case target.Architecture == native.Architecture:
		return ""
	case target.Variant != "":
		return "->" + target.Architecture + "/" + target.Variant
	}
	return "->" + target.Architecture
}
