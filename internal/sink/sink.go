// Package sink brings the result of a build to where it is to be: tags and repositories of registries, an engine's image store, archives,
// folders and tar files.
//
// Each destination is a [Sink]. [Deliver] prepares all of them, which is the part that takes time and room and gives nothing a name, and
// only then commits one after the other. What is not committed when something fails is taken away again.
//
// # A new type of output
//
// It is a file of this package, with a type that implements [Output] and one that implements [Sink], and an entry in the command line's one
// list of types.
package sink

import (
	"context"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Sink is one destination of a build's result.
type Sink interface {
	// Prepare brings everything to the destination without naming it there. It does all that can fail for want of space or rights.
	Prepare(ctx context.Context) error
	// Commit names what was prepared, and adds to done what has its name now, also when it returns an error.
	Commit(ctx context.Context, done *Done) error
	// Abort takes away what was prepared and has no name, also when ctx is done. Where nothing was prepared it does nothing.
	Abort(ctx context.Context)
}

// Done is what has its name.
type Done struct {
	// Tags in the order asked for. Empty if no tag was to be moved yet.
	Tags []manifest.TagResult
	// ByDigest are the repositories that have the result without a tag.
	ByDigest []reference.Named
	// Loaded is what the engine's image store has now, in the order of the names and platforms.
	Loaded []load.Loaded
	// Written are the destinations of archives and files, as they were given, without standard output.
	Written []string
}

// Deliver prepares all sinks and then commits them in their order. After an error those that are not committed are aborted.
func Deliver(ctx context.Context, sinks []Sink) (done Done, err error) {
	open := sinks
	defer func() {
		for _, s := range open {
			s.Abort(ctx)
		}
	}()
	for _, s := range sinks {
		if err := s.Prepare(ctx); err != nil {
			return done, err
		}
	}
	for _, s := range sinks {
		if err := s.Commit(ctx, &done); err != nil {
			return done, err
		}
		open = open[1:]
	}
	return done, nil
}
