// Package gate examines the executables in the layers of an image before the image is run. The platform in an image's
// configuration may be wrong, but each program's header names its own machine.
//
// # How an image is examined
//
// A [layers.Lister] reads a layer as a stream, and makes a [listing.Listing] of its files, with the machine of each executable.
//
// [Examine] takes the listings of the added layers and checks all of their executables. It also lays the layers on top of each
// other, as an engine does, to find the programs that the image starts: Entrypoint and Cmd through PATH and links, the
// interpreter of a script, the loader of a program, and the commands that a shell or a wrapper starts (package launch). A base
// layer is read, from the top, only if a path is in no layer above.
//
// # What refuses an image
//
// Only a certain failure refuses an image: a program on the way to the image's first process that is for another machine or
// cannot be started. Files that a volume may replace, commands that a shell may run and programs that may never run are warnings.
// Layers that could not be read are notes.
//
// # Hostile images
//
// Nothing is unpacked to disk, and no path leads out of the image. Listings are bounded, as are links, depths and lengths of
// paths. A layer that does not match its descriptor is a finding, not an error.
package gate

import (
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mode is how strictly an image is examined. The texts are the values of --verify.
type Mode string

// These are the modes. The zero value is On.
const (
	Off    Mode = "off"
	On     Mode = "on"
	Strict Mode = "strict" // any file for a wrong machine refuses the image, and base layers are read whatever their size
)

// A Layer is a layer of an image, and its origin as far as it is known.
type Layer struct {
	Descriptor ocispecs.Descriptor
	Base       bool   // it came with the base image
	Step       string // its command: the history's created_by, or the Dockerfile's own line
	File       string // the Dockerfile
	Line       int    // in File, from 1; 0 if unknown
}

// An Image is the input of [Examine]. Layers are in the manifest's order, the lowest first.
type Image struct {
	Platform platform.Platform
	Config   ocispecs.Image
	Layers   []Layer
	// Base is the platform in the configuration of the base image. If it is another machine, its programs are likely for that
	// machine too, and are examined. The zero value means unknown.
	Base platform.Platform
}

// Options are the user's settings. The zero value is the default.
type Options struct {
	Mode Mode
	// Allow has globs of paths within the image whose files may be for any machine: path.Match, with ** for any number of
	// folders. A glob that matches a folder covers everything below it.
	Allow []string
}

// Verdict is the outcome in one word.
type Verdict string

// These are the verdicts.
const (
	OK          Verdict = "ok"
	Warned      Verdict = "warned"
	Refused     Verdict = "refused"
	NotExamined Verdict = "not examined"
	NotAsked    Verdict = "off"
)

// Result is the outcome of Examine.
type Result struct {
	Verdict      Verdict
	Findings     []diag.Diagnostic // errors first, then warnings and notes; each is about the image's platform
	Files        int               // number of executables in the added layers
	BaseExamined bool              // everything that the verdict depends on was found, or searched in all layers
	Unmatched    []string          // globs of Options.Allow that match nothing
}

// These are the checks. Programs compare the texts, so they do not change.
const (
	CheckEntrypoint         = "entrypoint-machine"  // the program that starts is for another machine
	CheckInterpreter        = "interpreter-machine" // the interpreter of the script that starts is for another machine
	CheckLoader             = "loader-machine"      // the program's dynamic loader is for another machine
	CheckLoaderMissing      = "loader-missing"      // the program's dynamic loader is not in the image
	CheckInterpreterMissing = "interpreter-missing" // the interpreter of the script that starts is not in the image
	CheckLibrary            = "library-machine"     // a library that the program needs is for another machine
	CheckLibraryMissing     = "library-missing"     // a library that the program needs is not in the image
	CheckLevel              = "x86-level"           // the program needs a later x86-64 level than the platform guarantees
	CheckBase               = "base-machine"        // programs of the base image are for another machine
	CheckCommand            = "cmd-machine"         // an argument of the entrypoint is a program for another machine
	CheckMachine            = "machine"             // another file is for another machine
	CheckCompat             = "compat"              // the program that starts is for a narrower mode of the machine
	CheckEntrypointMissing  = "entrypoint-missing"  // there is no program to start
	CheckEntrypointMode     = "entrypoint-mode"     // the program has no permission to be executed
	CheckEntrypointFormat   = "entrypoint-format"   // the program has a format that no kernel executes
	CheckLineEnds           = "script-line-ends"    // the first line of the script that starts ends in a carriage return
	CheckBaseNotExamined    = "base-not-examined"   // a base layer that the verdict depends on was not read
	CheckLayer              = "layer"               // a layer cannot be unpacked
	CheckLayerNotExamined   = "layer-not-examined"  // a layer is of an unknown kind
	CheckSameLayers         = "same-layers"         // two platforms have the same content
	CheckAllowUnmatched     = "allow-unmatched"     // a glob of Options.Allow matches nothing
)

// RefusedError is the error of a build whose image is refused because of the findings.
type RefusedError struct{ Findings []diag.Diagnostic }

// Error returns the first refusal. The table has the others.
func (e *RefusedError) Error() string {
	for _, f := range e.Findings {
		if f.Refuses() {
			return f.Message
		}
	}
	return "the image was refused"
}
