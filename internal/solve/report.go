package solve

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Report is the result of a build. A build that failed has one too, with everything that was done until then.
type Report struct {
	// Platforms are in canonical order, each once.
	Platforms []PlatformReport
	// Nodes is the number of the builder's nodes, as far as they could get platforms of this build.
	Nodes int
	// Target is the descriptor that the tags point at: the index, or the manifest of a single platform. It is zero if the build failed
	// before.
	Target ocispecs.Descriptor
	// Tags are in the order asked for. The list is empty if the build had not reached the tags.
	Tags []manifest.TagResult
	// ByDigest are the repositories that have Target without a tag.
	ByDigest []reference.Named
	// Loaded are the images in the engine's image store, in the order of the names and platforms.
	Loaded []load.Loaded
	// Written are the destinations of archives and files, as the user gave them, without standard output.
	Written []string
}

// Missing returns the platforms that a finished build does without.
func (r Report) Missing() (missing []PlatformReport) {
	for _, p := range r.Platforms {
		if p.Err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// PlatformReport is one platform's result.
type PlatformReport struct {
	Platform platform.Platform
	Node     string
	// Instead says which node would have made the platform, and why it did not; "" if Node is the one.
	Instead string
	Mode    plan.Mode
	// Emulator is the emulator of an Emulated platform: "qemu 7.2.22"; "" if it is not known.
	Emulator string
	// Seconds is the time of the platform's solve, including its push and without the wait for its turn.
	Seconds float64
	// Manifest and Config are the descriptors of the image; Size is the sum of its layers and its config in bytes, compressed as in the
	// registry.
	Manifest ocispecs.Descriptor
	Config   digest.Digest
	Size     int64
	// Attestations are the manifests about the image, as the index has them.
	Attestations []ocispecs.Descriptor
	// Retries is how often the platform was solved again after a failure.
	Retries int
	// Cross says which steps did not need to run under an emulator.
	Cross crosscompile.Report
	// Verify is the result of the gate: the platforms of the image's executables.
	Verify gate.Result
	// Tests are the outcomes of the tests on the image, in their order.
	Tests []smoke.Outcome
	// Err is why there is no image, or why it must not be published.
	Err error
}

// FailedError is the error of a build in which platforms could not be built. No tag was moved.
type FailedError struct {
	Platforms []PlatformReport
	all       bool // no other platform was built
}

func (e *FailedError) Error() string {
	if first, same := e.sameCause(); same && len(e.Platforms) > 1 {
		return fmt.Sprintf("%s (%s)", first, e.names())
	}
	lines := make([]string, len(e.Platforms))
	for i, p := range e.Platforms {
		lines[i] = fmt.Sprintf("%s: %v", platform.Format(p.Platform), p.Err)
	}
	return strings.Join(lines, "\n")
}

// names returns the names of the platforms that failed.
func (e *FailedError) names() string {
	if e.all {
		return fmt.Sprintf("all %d platforms", len(e.Platforms))
	}
	names := make([]string, len(e.Platforms))
	for i, p := range e.Platforms {
		names[i] = platform.Format(p.Platform)
	}
	return strings.Join(names, ", ")
}

func (e *FailedError) sameCause() (string, bool) {
	first := e.Platforms[0].Err.Error()
	for _, p := range e.Platforms[1:] {
		if p.Err.Error() != first {
			return "", false
		}
	}
	return first, true
}

// Unwrap returns the platforms' errors.
func (e *FailedError) Unwrap() []error {
	errs := make([]error, len(e.Platforms))
	for i, p := range e.Platforms {
		errs[i] = p.Err
	}
	return errs
}

// failedError returns the error of the platforms that failed by themselves, or nil.
func failedError(platforms []PlatformReport) error {
	var failed []PlatformReport
	pushing := true
	for _, p := range platforms {
		if p.Err != nil && !failure.IsConsequence(p.Err) {
			failed = append(failed, p)
			pushing = pushing && failure.PushFailed(p.Err)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	err := &FailedError{failed, len(failed) == len(platforms)}
	if pushing {
		return &index.PushError{Err: err}
	}
	for i, p := range failed {
		if push, ok := errors.AsType[*index.PushError](p.Err); ok {
			failed[i].Err = push.Err // the build as a whole has not failed at the registry only
		}
	}
	return err
}
