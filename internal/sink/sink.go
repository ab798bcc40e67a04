// Package sink delivers the result of a build to its destinations: tags and repositories of registries, an engine's image store, archives,
// folders and tar files.
//
// Each destination is a [Sink]. [Deliver] prepares all of them, which takes the time and the space and names nothing. Only then it commits
// one after the other. After a failure it removes everything that is not committed.
//
// # A new type of output
//
// A new type of output is a file of this package, with a type that implements [Output] and one that implements [Sink], and an entry in the
// command line's one list of types.
package sink

import (
	"context"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Sink is one destination of a build's result.
type Sink interface {
	// Prepare brings everything to the destination without naming it there. It does everything that can fail for lack of space or
	// permission.
	Prepare(ctx context.Context) error
	// Commit names the prepared result. It adds to done everything that is named now, also when it returns an error.
	Commit(ctx context.Context, done *Done) error
	// Abort removes everything that was prepared and is not named, also when ctx is done. If nothing was prepared it does nothing.
	Abort(ctx context.Context)
}

// Done has the names that point at the result.
type Done struct {
	// Tags are in the order asked for. The list is empty if no tag was reached.
	Tags []manifest.TagResult
	// ByDigest are the repositories that have the result without a tag.
	ByDigest []reference.Named
	// Loaded are the images in the engine's image store, in the order of the names and platforms.
	Loaded []load.Loaded
	// Written are the destinations of archives and files, as the user gave them, without standard output.
	Written []string
}

// Deliver prepares all sinks and then commits them in their order. After an error it aborts those that are not committed.
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
