package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
)

// HostNetworkError says that a Dockerfile names an image in a registry on loopback, which a builder reaches only on the network of its
// engine's host. A Dockerfile cannot ask for that network: only the command line can.
type HostNetworkError struct {
	Image string
	Text  string // the name as the Dockerfile has it; "" if it is not known
	File  string // "" if it is not known
	Line  int
	Err   error // why the builder could not fetch it; nil if that was not tried
}

func (e *HostNetworkError) Error() string {
	at := ""
	if e.File != "" && e.Line > 0 {
		at = fmt.Sprintf("%s:%d: ", e.File, e.Line)
	}
	text := e.Text
	if text == "" {
		text = "the Dockerfile"
	}
	return fmt.Sprintf("%s%s takes %q from a registry on loopback, which a builder reaches only on the host's network;"+
		" a Dockerfile cannot choose that network", at, text, e.Image)
}

func (e *HostNetworkError) Unwrap() error { return e.Err }

// LoopbackImage returns as an error the first image in a registry on loopback that a Dockerfile itself names; nil if it names none.
func LoopbackImage(d source.Dockerfile, choice dockerfile.Choice) *HostNetworkError {
	if !mayBeLoopback(d.Text, choice.Args) {
		return nil
	}
	for _, i := range dockerfile.Images(d.Text, choice) {
		if address.NeedsHostNetwork(i.Name) {
			return &HostNetworkError{Image: i.Name, Text: i.Text, File: d.Shown, Line: i.Line}
		}
	}
	return nil
}

// mayBeLoopback is a fast check with false positives and no false negatives: most Dockerfiles need not be parsed.
func mayBeLoopback(text string, args map[string]string) bool {
	for _, part := range append(slices.Collect(maps.Values(args)), text) {
		if strings.Contains(part, "localhost") || strings.Contains(part, "127.") || strings.Contains(part, "[") && strings.Contains(part, ":") {
			return text != ""
		}
	}
	return false
}

// OfLoopback returns the error of a frontend, wrapped in a [HostNetworkError] if the frontend could not look up an image in a registry on
// loopback.
func OfLoopback(err error) error {
	images := buildkitmsg.UnresolvedImages(err)
	if len(images) == 0 || !address.NeedsHostNetwork(images[0]) {
		return err
	}
	e := &HostNetworkError{Image: baseimage.Familiar(images[0]), Err: err}
	for _, src := range errdefs.Sources(err) {
		if len(src.GetRanges()) > 0 {
			e.File, e.Line = src.GetInfo().GetFilename(), int(src.GetRanges()[0].GetStart().GetLine())
		}
	}
	return e
}
