package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// unpackFailure is the prefix of the message of an engine with a containerd store about an image that it accepted and named, but
// cannot run. The engine does not report it as an error.
const unpackFailure = "Error unpacking image"

// Load sends the engine a stream of images, as `docker load` does. write writes it; it is called once, on another goroutine, and
// has returned when Load returns. The error is write's own if there is one, else the engine's.
func (e *Engine) Load(ctx context.Context, write func(w io.Writer) error) error {
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(pw)
		pw.CloseWithError(err) // nil is the end of the stream
		written <- err
	}()
	err := e.load(ctx, pr)
	// An engine that refuses the stream stops reading; the writer must end anyway.
	_ = pr.CloseWithError(errNotRead) // never fails
	writeErr := <-written
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("load: %w", context.Cause(ctx))
	case writeErr != nil && !errors.Is(writeErr, errNotRead) && !errors.Is(writeErr, io.ErrClosedPipe):
		return fmt.Errorf("load: %w", &SourceError{writeErr})
	case err != nil:
		return failed(ctx, "load", err)
	}
	return nil
}

// SourceError means that what an engine should load could not be read. The engine has no part in it.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// errNotRead is the error of a write after the engine has stopped reading.
var errNotRead = errors.New("the engine has stopped reading")

func (e *Engine) load(ctx context.Context, stream io.Reader) (err error) {
	ctx, done := e.watch.attend(ctx)
	defer done()
	res, err := e.api.ImageLoad(ctx, stream, client.ImageLoadWithQuiet(true))
	if err != nil {
		return withCause(ctx, err)
	}
	defer func() { err = errors.Join(err, res.Close()) }()
	for answers := json.NewDecoder(res); ; {
		var answer jsonstream.Message
		switch err := answers.Decode(&answer); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", withCause(ctx, err))
		case answer.Error != nil:
			return fmt.Errorf("the engine refuses the image: %w", answer.Error)
		case strings.HasPrefix(answer.Stream, unpackFailure):
			return fmt.Errorf("the engine cannot use the image: %s", strings.TrimSpace(answer.Stream))
		}
	}
}
