// Package recipe knows the effects of the steps of a Dockerfile's stage: whether they give the same bytes when they run on
// another CPU than their platform's, and what they need for it. A cross-compiler gives the same bytes. A step that asks for the
// machine's name, or runs its own output, does not. An unknown command is never taken for safe, unless the user named the recipe
// for the stage.
//
// The package is pure: it runs, fetches and reads nothing. [Recipe.NeededPaths] returns the paths of a base image that must be known, and
// the caller provides them as [Base].
//
//	r, _ := recipe.Find("go")
//	if ok, why := r.Precheck(stage); !ok { … }            // cheap: the commands alone
//	read, exists := r.NeededPaths(config, stage.Copied) // paths of the base image
//	stage.Base = recipe.Base{Native: …, Target: …}
//	edits, why := r.Judge(stage)                        // everything
//
// # How a stage is read
//
// A step's arguments are parsed like a shell does (mvdan.cc/sh), into simple commands in the order in which they run, each with
// the known variables, working directory and destination of its output. Each command is looked up in tables: file handling and
// the like, package managers, and the recipe's own tools. Constructs that the parser does not understand (functions, eval, a
// script from a file) count as unknown.
//
// Recipes are data ([All]). The rules that only Go needs, its environment and cgo, are in the files golang*.go, behind an
// interface.
package recipe

import (
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// These are the requirements for executables that leave a stage.
const (
	OutputTarget = "target" // for the target platform
	OutputNone   = "none"   // none may leave: the output is the same for every CPU
)

// Recipe describes how to recognise one kind of stage, and the effects of its commands. The zero Recipe recognises nothing.
type Recipe struct {
	Name   string
	About  string // one line for help and docs
	Auto   bool   // used without being named: its results equal emulation's, byte for byte
	Output string // OutputTarget or OutputNone

	marks marks    // identify its base images
	tools []string // its own commands
	kind           // its rules beyond the tables
}

// Image has the facts about a base image on one platform that [Recipe.NeededPaths] asked for. It can be written as JSON.
type Image struct {
	Config ocispecs.ImageConfig
	Files  map[string]File // by absolute path; a path that is missing was not inspected
}

// File describes a path of an image.
type File struct {
	Exists bool
	Data   []byte // the content, if asked for: of a regular file of at most 64 KiB
	Holds  bool   // it is not a directory, or something below it is not
}

// Base is the image that a stage begins with, on the builder's own platform and on the target platform.
type Base struct {
	Native, Target *Image
	Reason         string // why one of them is nil: "has no image for linux/amd64"
}

// Stage is a chain of steps on one base image.
type Stage struct {
	Name           string
	Target, Native platform.Platform
	Steps          []graph.Step // in order, without the one that fetches the base image
	Copied         []CopiedPath // paths that others copy from it
	ForeignPaths   []string     // destinations of files of other images and stages, copied or mounted: cleaned and absolute
	Base           Base         // not needed by [Recipe.Precheck]
	Named          bool         // the user named the recipe for it: unknown commands are accepted
}

// CopiedPath is a path that a step outside of the stage copies or mounts from it.
type CopiedPath struct {
	Path string        // cleaned and absolute; it may have the wildcards of COPY
	Step digest.Digest // the step that copies it
	// Relocated means that this step is relocated too. It may take files for the builder's CPU, such as a cache, but none of the base
	// image, which others could then copy from it.
	Relocated bool
	Line      int // the line of that step; 0 if unknown
}

// Edit changes a step so that it does the same on the builder's own platform. A step without an edit is relocated unchanged.
type Edit struct {
	Env   []string // KEY=value: replaces KEY, or is appended
	Unset []string // KEY: is removed
	Args  []string // nil: unchanged
}

// Diagnoses reports whether the output of a failed step blames a source. Such a step fails wherever it runs.
func (r Recipe) Diagnoses(output []byte) bool { return r.diagnoses != nil && r.diagnoses(output) }

// Precheck reports whether a stage's base image is worth an inspection: the recipe's tools do something in the stage, and no step
// is excluded. It needs no Base, is cheap, and accepts every stage that [Recipe.Judge] accepts.
func (r Recipe) Precheck(s Stage) (ok bool, why Refusal) {
	precheck := func(s Stage) (*judgement, diag.Diagnostic) {
		e := r.judgement(s, false)
		return e, e.first(e.language.port, e.steps, e.copiedPaths)
	}
	e, found := precheck(s)
	if found.Found() && !e.applies() {
		return false, Refusal{Diagnostic: e.nothing()}
	}
	return !found.Found(), r.refusal(e, found, precheck)
}

// Judge returns the edits with which the steps of a stage do the same on the builder's own platform. If that is impossible, it
// returns no edits, and why has the reason. Base must hold the paths of [Recipe.NeededPaths]. A path that is missing is unknown, and
// keeps the stage on the target platform.
func (r Recipe) Judge(s Stage) (edits map[digest.Digest]Edit, why Refusal) {
	judge := func(s Stage) (*judgement, diag.Diagnostic) {
		e := r.judgement(s, true)
		return e, e.first(e.language.port, e.sameBase, e.inspect, e.steps, e.recognised, e.copiedPaths)
	}
	e, found := judge(s)
	if found.Found() {
		return nil, r.refusal(e, found, judge)
	}
	return e.edits, Refusal{}
}
