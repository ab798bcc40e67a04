// Package buildkitmsg recognizes BuildKit's messages by their text: errors that have no type, or lose it on the way to the client, names of
// vertices, and lines of buildkitd's log. All text of BuildKit that this program depends on is here, so that a new version of BuildKit is
// checked in one place. Each function names the file of BuildKit that writes the text.
//
// The contract test provokes each text on a real buildkitd:
//
//	e2e/env/with.sh go test -tags e2e -count=1 ./internal/buildkitmsg
package buildkitmsg

import (
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// noPlatform is containerd's text (core/images/image.go and handlers.go) for an index without an image for a platform.
const noPlatform = "no match for platform in manifest"

// A frontend's lookup of an image fails with this text before the reason (client/llb/sourceresolver/imageresolver.go).
var (
	unresolved      = lazyregexp.New(`failed to resolve source metadata for (\S+): `)
	missingPlatform = lazyregexp.New(`failed to resolve source metadata for (\S+): ` + noPlatform)
)

// UnresolvedImages returns the images, in BuildKit's spelling, that a frontend could not look up. The image is missing, access is denied, or
// the registry is unreachable (client/llb/sourceresolver/imageresolver.go).
func UnresolvedImages(err error) (images []string) {
	for _, m := range unresolved().FindAllStringSubmatch(err.Error(), -1) {
		images = append(images, m[1])
	}
	return images
}

// IsUnresolved reports whether an error is about a failed lookup and names the image (client/llb/sourceresolver/imageresolver.go).
func IsUnresolved(err error, image string) bool {
	text := err.Error()
	return strings.Contains(text, "resolve source metadata for") && strings.Contains(text, image)
}

// MissingPlatformImage returns the image, in BuildKit's spelling, whose index has no image for the requested platform. ok is false for any
// other error (client/llb/sourceresolver/imageresolver.go, then core/images/image.go of containerd).
func MissingPlatformImage(err error) (image string, ok bool) {
	m := missingPlatform().FindStringSubmatch(err.Error())
	if m == nil {
		return "", false
	}
	return m[1], true
}

// IsMissingPlatform reports whether an index has no image for the requested platform (core/images/image.go of containerd).
func IsMissingPlatform(err error) bool { return strings.Contains(err.Error(), noPlatform) }

// IsDenied reports whether a source policy denied a source (sourcepolicy/engine.go).
func IsDenied(err error) bool { return strings.Contains(err.Error(), "denied by policy") }
