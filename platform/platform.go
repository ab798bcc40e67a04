// Package platform reads, writes and orders the names of platforms, such as
// linux/arm64 or linux/arm/v7. It is where such a name enters the program;
// past this door a platform is a [Platform] value, never a string.
//
// # Grammar
//
//	list     = platform { "," platform }
//	platform = os "/" arch [ "/" variant ] | arch [ "/" variant ]
//	os       = name [ "(" version { "+" feature } ")" ]
//
// Names are those of the Go ports, as the OCI image specification asks
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md).
// Case does not matter. The spellings that uname, Debian and Docker use for
// the same thing are understood: aarch64, x86_64, x86-64, i386, armhf (arm/v7),
// armel (arm/v6, as in containerd), ppc64el, mips64el, loongarch64 and others.
//
// # One name for each platform
//
// A value is normalised when arm has its variant written out (arm is arm/v7)
// and the first variant of amd64 and arm64 is left out (amd64/v1 is amd64,
// arm64/v8 is arm64). This is the normal form of containerd/platforms, on which
// the package is built, so that the names are those in image indexes.
//
// # A bare architecture means Linux
//
// containerd/platforms takes a missing operating system from the machine that
// runs the program, and so do docker buildx and docker run: on a Mac,
// "--platform arm64" asks them for darwin/arm64. Here it is linux/arm64 on every
// client, because the project decides what is built, and not the user's machine.
// For the same reason an operating system alone, whose architecture containerd
// would take from the client, is refused.
//
// # The canonical order
//
// [Compare] is the one order of platforms, used for the entries of an index, for
// plans and for tables: by operating system, version of the operating system,
// architecture, variant and features, each from small to large. Names are
// compared as text; versions and variants have their numbers compared as
// numbers, so arm/v6 is before arm/v7, arm64 before arm64/v9, and Windows
// 10.0.9200 before 10.0.17763.
package platform

import (
	"errors"

	"github.com/containerd/platforms"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Platform is the image specification's platform. The zero value is not a platform.
type Platform = ocispecs.Platform

// ErrInvalid is wrapped by every error of [Parse]: the user's text names no platform.
var ErrInvalid = errors.New("invalid platform")

// Normalize returns p in the one spelling that this program compares and prints. It is meant for values
// from elsewhere (an index, an engine, a BuildKit worker), never fails, and leaves unknown values as
// they are. A missing operating system becomes linux, except in the zero Platform, which stays zero.
// The result shares no memory with p.
func Normalize(p Platform) Platform {
	if p.OS == "" && p.Architecture == "" {
		return p
	}
	if p.OS == "" {
		p.OS = defaultOS // containerd/platforms would take the client's
	}
	if s, ok := findSpelling(p.Architecture); ok {
		p.Architecture = s.arch
		if s.variant != "" {
			p.Variant = s.variant
		}
	}
	return platforms.Normalize(p)
}

// Format returns the name of p after normalising, such as "linux/arm/v7" or
// "windows(10.0.17763)/amd64". If [Parse] made p, it reads the name back to the same value. The zero
// Platform is "unknown".
func Format(p Platform) string {
	return platforms.FormatAll(Normalize(p))
}

// FormatAll returns the texts of platforms, in their order; never nil.
func FormatAll(ps []Platform) []string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = Format(p)
	}
	return texts
}
