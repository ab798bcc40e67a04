package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// naming gives each output its names: those of -t, as docker buildx does (build/opt.go); else those of the output's own name=; else those of
// the environment or the project's file. A name that one output has is no other's: it may be meant for this machine only.
type naming struct {
	choice
	lookup lookup // of ${VAR}
	// projects is the same for the names of the project's file; nil if they are somebody else's.
	projects func() (lookup, error)
}

// common are the names that no output gives itself.
func (n naming) common() ([]reference.NamedTagged, error) {
	lookup, err := n.lookup, error(nil)
	if n.projects != nil {
		if lookup, err = n.projects(); err != nil {
			return nil, err
		}
	}
	names, err := cli.ParseTags(n.values, lookup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.from, err)
	}
	return names, nil
}

// of returns the names of an output. settled says that they stand on the command line.
func (n naming) of(o output) (names []reference.NamedTagged, settled bool, err error) {
	own := o.attrs["name"]
	if tags := n.from == "-t"; tags || own == "" || own == "*" { // "*" are names that the image itself has; none of ours has any
		names, err = n.common()
		return names, tags, err
	}
	if names, err = cli.ParseTags(strings.Split(own, ","), n.lookup); err != nil {
		err = fmt.Errorf("--output %q: %w", o.words, err)
	}
	return names, true, err
}

// union adds to names those of more that are not among them.
func union[N reference.Named](names, more []N) []N {
	all := slices.Clone(names)
	for _, name := range more {
		if !slices.ContainsFunc(all, func(have N) bool { return have.String() == name.String() }) {
			all = append(all, name)
		}
	}
	return all
}
