// Package gate examines the executables of an image, from its layers, before anybody gets to run it. The configuration of an image
// says whatever its builder wanted; what a program is for stands in the program.
//
// # The way
//
// A [layers.Lister] reads a layer as a stream. What comes of it is a [layers.Listing] of its files, with what each executable is for.
//
// [Examine] takes the listings of the layers that were added, looks at all their executables, and lays them on top of each other as an
// engine does, to find what the image starts: Entrypoint and Cmd through PATH and links, the interpreter of a script, the loader of a
// program, what a shell or a wrapper starts in its turn (package launch). Layers of the base are asked for one by one from the top, when a path is in
// none above.
//
// # What refuses
//
// Only what is certain: a program on the way to the image's first process that is for another machine or cannot be started. What a volume
// may bring, what a shell may do and what nobody may ever run are warnings, and what could not be looked at is a note.
//
// # Hostile images
//
// Nothing is unpacked to disk, and no path leads out of the image. Listings are bounded, as are links, depths and lengths of paths. A layer
// that lies is a finding, not an error.
package gate

import (
	"cmp"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mode is how strictly an image is examined; the words of --verify.
type Mode string

// The modes. The zero value is On.
const (
	Off    Mode = "off"
	On     Mode = "on"
	Strict Mode = "strict" // any file for a wrong machine refuses the image, and base layers are read whatever their size
)

// A Layer is one of an image's, and where it comes from, as far as that is known.
type Layer struct {
	Descriptor ocispecs.Descriptor
	Base       bool   // it came with the base image
	Step       string // what made it: the history's created_by, or the Dockerfile's own line
	File       string // the Dockerfile
	Line       int    // in File, from 1; 0 is unknown
}

// An Image is what is examined. Layers are in the manifest's order, the lowest first.
type Image struct {
	Platform platform.Platform
	Config   ocispecs.Image
	Layers   []Layer
	// Base is the platform in the configuration of the base image. Where it is for another machine, so are its programs likely, and they
	// are looked at. The zero value is not known.
	Base platform.Platform
}

// Options are the user's wishes. The zero value examines as by default.
type Options struct {
	Mode Mode
	// Allow are globs of paths within the image whose files may be for any machine: path.Match, ** for any number of folders. One that
	// matches a folder is for all below it.
	Allow []string
}

// Verdict is the outcome in a word.
type Verdict string

// The verdicts.
const (
	OK          Verdict = "ok"
	Warned      Verdict = "warned"
	Refused     Verdict = "refused"
	NotExamined Verdict = "not examined"
	NotAsked    Verdict = "off"
)

// Result is what Examine found out. Its JSON is part of the metadata file.
type Result struct {
	Verdict      Verdict   `json:"verdict"`
	Findings     []Finding `json:"findings,omitempty"`       // errors first, then warnings and notes
	Files        int       `json:"files"`                    // executables among the added layers
	BaseExamined bool      `json:"baseExamined"`             // what the verdict depends on was found, or read in vain
	Unmatched    []string  `json:"unmatchedAllow,omitempty"` // of Options.Allow
}

// Severity is how much a finding weighs.
type Severity string

// The severities: an error refuses the image, a warning is for its author, a note is so that nobody wonders.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Compare puts errors before warnings, and warnings before notes.
func (s Severity) Compare(other Severity) int {
	order := []Severity{Error, Warning, Note}
	return cmp.Compare(slices.Index(order, s), slices.Index(order, other))
}

// The checks. Programs compare these words: they stay.
const (
	CheckEntrypoint         = "entrypoint-machine"  // the program that starts is for another machine
	CheckInterpreter        = "interpreter-machine" // so is the interpreter of the script that starts
	CheckLoader             = "loader-machine"      // so is its dynamic loader
	CheckLoaderMissing      = "loader-missing"      // its dynamic loader is not in the image
	CheckInterpreterMissing = "interpreter-missing" // the interpreter of the script that starts is not in the image
	CheckLibrary            = "library-machine"     // so is a library that it needs
	CheckLibraryMissing     = "library-missing"     // a library that it needs is not in the image
	CheckLevel              = "x86-level"           // it needs a later x86-64 than the platform promises
	CheckBase               = "base-machine"        // programs of the base image are for another machine
	CheckCommand            = "cmd-machine"         // an argument of the entrypoint is a program for another machine
	CheckMachine            = "machine"             // another file is for another machine
	CheckCompat             = "compat"              // the program that starts is for a narrower mode of the machine
	CheckEntrypointMissing  = "entrypoint-missing"  // there is no program to start
	CheckEntrypointMode     = "entrypoint-mode"     // it may not be executed
	CheckEntrypointFormat   = "entrypoint-format"   // it is nothing that a kernel executes
	CheckLineEnds           = "script-line-ends"    // the first line of the script that starts ends in a carriage return
	CheckBaseNotExamined    = "base-not-examined"   // a base layer would have told more, and was not read
	CheckLayer              = "layer"               // a layer cannot be unpacked
	CheckLayerNotExamined   = "layer-not-examined"  // a layer is of a kind that is not known here
	CheckSameLayers         = "same-layers"         // two platforms have the same content
)

// A Finding is one thing that was noticed. Its JSON is part of the metadata file.
type Finding struct {
	Severity Severity      `json:"severity"`
	Check    string        `json:"check"`
	Platform string        `json:"platform,omitempty"`
	Path     string        `json:"path,omitempty"`  // within the image, absolute; the first of several
	Paths    []string      `json:"paths,omitempty"` // the first of them, if the finding is about several files
	Count    int           `json:"count,omitempty"` // of how many files, if of several
	Layer    digest.Digest `json:"layer,omitempty"`
	Step     string        `json:"step,omitempty"`
	File     string        `json:"file,omitempty"` // the Dockerfile
	Line     int           `json:"line,omitempty"`
	Found    string        `json:"found,omitempty"`  // a machine
	Wanted   string        `json:"wanted,omitempty"` // a machine
	Message  string        `json:"message"`          // a sentence without the platform
}

// RefusedError is what a build ends with that has findings which refuse its image.
type RefusedError struct{ Findings []Finding }

// Error tells the first refusal; the others stand in the table.
func (e *RefusedError) Error() string {
	for _, f := range e.Findings {
		if f.Severity == Error {
			return f.Message
		}
	}
	return "the image was refused"
}
