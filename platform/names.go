package platform

import (
	"slices"
	"strings"
)

const defaultOS = "linux"

// A spelling is an architecture, with the variant if the word implies one.
type spelling struct{ arch, variant string }

// findSpelling resolves the names that people and tools use for an architecture. The first line of each
// case is Go's name (https://go.dev/doc/install/source#environment), the rest are those of uname -m, of
// which Docker's info answers one, and of Debian.
func findSpelling(word string) (spelling, bool) {
	switch word = strings.ToLower(word); word {
	case "386",
		"i386", "i486", "i586", "i686", "x86":
		return spelling{arch: "386"}, true
	case "amd64", "x86_64", "x86-64":
		return spelling{arch: "amd64"}, true
	case "arm64", "aarch64":
		return spelling{arch: "arm64"}, true
	case "armhf", "armv7", "armv7l":
		return spelling{arch: "arm", variant: "v7"}, true
	case "armel", "armv6", "armv6l":
		return spelling{arch: "arm", variant: "v6"}, true
	case "armv5", "armv5l", "armv5tel", "armv5tejl":
		return spelling{arch: "arm", variant: "v5"}, true
	case "loong64", "loongarch64":
		return spelling{arch: "loong64"}, true
	case "mipsle", "mipsel":
		return spelling{arch: "mipsle"}, true
	case "mips64le", "mips64el":
		return spelling{arch: "mips64le"}, true
	case "ppc64le", "ppc64el":
		return spelling{arch: "ppc64le"}, true
	case "arm", "mips", "mips64", "ppc64", "riscv64", "s390x", "wasm":
		return spelling{arch: word}, true
	}
	return spelling{}, false
}

// knownOS reports whether a lower-case word is an operating system: Go's ports
// (https://go.dev/doc/install/source#environment), containerd's macos for darwin,
// and wasi, which Docker uses for WebAssembly.
func knownOS(word string) bool {
	switch word {
	case "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "macos",
		"netbsd", "openbsd", "plan9", "solaris", "wasi", "wasip1", "windows":
		return true
	}
	return false
}

// variantsOf returns the valid variants of an architecture, ascending. They are those of the image
// specification's table of variants; where it ends in an ellipsis, those which Go's GOAMD64, GOARM64,
// GOPPC64 and GORISCV64 and containerd's matcher know; and arm/v5, for which Debian publishes images.
func variantsOf(arch string) []string {
	switch arch {
	case "amd64":
		return []string{"v1", "v2", "v3", "v4"}
	case "arm":
		return []string{"v5", "v6", "v7", "v8"}
	case "arm64":
		return []string{
			"v8", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v8.6", "v8.7", "v8.8", "v8.9",
			"v9", "v9.1", "v9.2", "v9.3", "v9.4", "v9.5", "v9.6", "v9.7",
		}
	case "ppc64le":
		return []string{"power8", "power9", "power10"}
	case "riscv64":
		return []string{"rva20u64", "rva22u64", "rva23u64"}
	}
	return nil
}

// validVariant reports whether a normalised variant may follow arch.
func validVariant(arch, variant string) bool {
	return variant == "" || slices.Contains(variantsOf(arch), variant)
}

// Known returns the names that completion and "did you mean" propose, normalised and in the canonical
// order: those that BuildKit detects and QEMU emulates, and the other systems that images are published
// for. [Parse] accepts more than these. The caller owns the slice.
func Known() []string {
	return []string{
		"darwin/amd64", "darwin/arm64",
		"freebsd/amd64", "freebsd/arm64",
		"linux/386",
		"linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/amd64/v4",
		"linux/arm/v5", "linux/arm/v6", "linux/arm/v7",
		"linux/arm64",
		"linux/loong64",
		"linux/mips64", "linux/mips64le",
		"linux/ppc64", "linux/ppc64le",
		"linux/riscv64",
		"linux/s390x",
		"wasi/wasm",
		"windows/amd64", "windows/arm64",
	}
}
