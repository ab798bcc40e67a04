package sink

import (
	"fmt"
	"slices"
)

// Outputs are the destinations of a result besides the registries' tags. The zero value has none.
//
// All images of a build are made once, with the attributes of Attrs: the pushed, the loaded and the archived images are the same, byte for
// byte.
type Outputs struct {
	// List are the destinations, in the order in which they are shown.
	List []Output
	// Image makes the images even if no destination takes them: they stay with the builder.
	Image bool
	// Attrs are attributes of BuildKit's image exporters ("compression", "rewrite-timestamp", …), passed on as they are.
	Attrs map[string]string
}

// Output is a destination as the user has requested it: [Load], [Archive] or [Files].
type Output interface {
	// Place returns the destination in words.
	Place() string
	// HasImages reports whether the output has images. Otherwise it has their files.
	HasImages() bool
	// Target returns the file or the folder that is written to, "-" for standard output, "" for neither.
	Target() (name string, folder bool)

	// rank orders the commits: outputs of lower ranks are committed first.
	rank() int
	// sink returns the destination for a result; nil for files, which were staged during the build.
	sink(Env, Result) Sink
}

// HaveImages reports whether images are wanted here, or for the builder alone.
func (o Outputs) HaveImages() bool { return o.Image || slices.ContainsFunc(o.List, Output.HasImages) }

// Load returns the engine's image store if it is among the outputs, else nil.
func (o Outputs) Load() *Load {
	if some := of[Load](o); len(some) > 0 {
		return &some[0]
	}
	return nil
}

// Archives returns the archives among the outputs.
func (o Outputs) Archives() []Archive { return of[Archive](o) }

// Files returns the root file systems among the outputs.
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

// placeName returns a destination in words.
func placeName(dest string) string {
	if dest == Stdout {
		return "standard output"
	}
	return dest
}

// OutputError says that an archive or a folder could not be written. The destination is unchanged.
type OutputError struct {
	Dest string // as the user gave it
	Err  error
}

func (e *OutputError) Error() string { return fmt.Sprintf("write %q: %v", e.Dest, e.Err) }
func (e *OutputError) Unwrap() error { return e.Err }
