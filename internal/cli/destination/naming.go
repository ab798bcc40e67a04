package destination

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
)

// Naming gives each output its names, as docker buildx does (build/opt.go): those of -t; else those of the output's own name=; else
// those of the environment or the project's file. A name of one output is not given to others, since it may be meant for this machine
// only.
type Naming struct {
	project.Choice
	Lookup project.Lookup // of the variables in names
	// Projects returns the lookup for names from the project file; nil if the names do not come from it.
	Projects func() (project.Lookup, error)
}

// Common returns the names of outputs that have no names of their own.
func (n Naming) Common() ([]reference.NamedTagged, error) {
	lookup, err := n.Lookup, error(nil)
	if n.Projects != nil {
		if lookup, err = n.Projects(); err != nil {
			return nil, err
		}
	}
	names, err := cli.ParseTags(n.Values, lookup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.From, err)
	}
	return names, nil
}

// of returns the names of an output. onCommandLine reports whether they are on the command line.
func (n Naming) of(o Output) (names []reference.NamedTagged, onCommandLine bool, err error) {
	own := o.attrs["name"]
	if tags := n.From == "-t"; tags || own == "" || own == "*" { // "*" means the names inside the image; an image of this program has none
		names, err = n.Common()
		return names, tags, err
	}
	if names, err = cli.ParseTags(strings.Split(own, ","), n.Lookup); err != nil {
		err = fmt.Errorf("--output %q: %w", o.text, err)
	}
	return names, true, err
}

// union returns names, followed by the names of more that are not among them.
func union[N reference.Named](names, more []N) []N {
	all := slices.Clone(names)
	for _, name := range more {
		if !slices.ContainsFunc(all, func(have N) bool { return have.String() == name.String() }) {
			all = append(all, name)
		}
	}
	return all
}
