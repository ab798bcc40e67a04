package sink

import (
	"fmt"
	"slices"
)

// Outputs say what becomes of a result besides the registries' tags. The zero value keeps nothing.
//
// All images of a build are made once, with the attributes of Attrs: what is pushed, loaded and archived is the same, byte for byte.
type Outputs struct {
	// List are the destinations, in the order in which they are shown.
	List []Output
	// Image makes the images although nothing takes them: they stay with the builder.
	Image bool
	// Attrs are attributes of BuildKit's image exporters ("compression", "rewrite-timestamp", …), passed on as they are.
	Attrs map[string]string
}

// Output is a destination as the user has asked for it: [Load], [Archive] or [Files].
type Output interface {
	// Place is where the result will be, in words.
	Place() string
	// HasImages reports whether the output has images. Otherwise it has their files.
	HasImages() bool
	// Target is the file or the folder that is written to, "-" for standard output, "" for none of them.
	Target() (name string, folder bool)

	// rank orders the commits: outputs of lower ranks are named first.
	rank() int
	// sink is the destination for a result; nil for files, which were staged during the build.
	sink(Env, Result) Sink
}

// HaveImages reports whether somebody wants images here, be it the builder.
func (o Outputs) HaveImages() bool { return o.Image || slices.ContainsFunc(o.List, Output.HasImages) }

// Load is the engine's image store among the outputs, nil if it is not.
func (o Outputs) Load() *Load {
	if some := of[Load](o); len(some) > 0 {
		return &some[0]
	}
	return nil
}

// Archives are those among the outputs.
func (o Outputs) Archives() []Archive { return of[Archive](o) }

// Files are the root file systems among the outputs.
func (o Outputs) Files() []Files { return of[Files](o) }

// Written reports whether a file, a folder or standard output is written to.
func (o Outputs) Written() bool {
	return slices.ContainsFunc(o.List, func(output Output) bool {
		name, _ := output.Target()
		return name != ""
	})
}

// Stdout reports whether standard output is written to.
func (o Outputs) Stdout() bool {
	return slices.ContainsFunc(o.List, func(output Output) bool {
		name, _ := output.Target()
		return name == Stdout
	})
}

func of[T Output](o Outputs) (some []T) {
	for _, output := range o.List {
		if one, ok := output.(T); ok {
			some = append(some, one)
		}
	}
	return some
}

// placeName is a destination in words.
func placeName(dest string) string {
	if dest == Stdout {
		return "standard output"
	}
	return dest
}

// OutputError says that an archive or a folder could not be written. What was in its place is there still.
type OutputError struct {
	Dest string // as it was given
	Err  error
}

func (e *OutputError) Error() string { return fmt.Sprintf("write %q: %v", e.Dest, e.Err) }
func (e *OutputError) Unwrap() error { return e.Err }
