package solve

import (
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

// Report is what a build made. A build that failed has one too, with what was done until then.
type Report struct {
	// Platforms in canonical order, each once.
	Platforms []PlatformReport
	// Target is what the tags point at: the index, or the manifest of a single platform. Zero if the build failed before.
	Target ocispecs.Descriptor
	// Tags in the order asked for. Empty if no tag was to be moved yet.
	Tags []manifest.TagResult
	// ByDigest are the repositories that have Target without a tag.
	ByDigest []reference.Named
	// Loaded is what the engine's image store has now, in the order of the names and platforms.
	Loaded []load.Loaded
	// Written are the destinations of archives and files, as they were given, without standard output.
	Written []string
}

// Missing are the platforms that a finished build does without.
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
	Mode     plan.Mode
	// Emulator is what emulates an Emulated platform: "qemu 7.2.22". "" if it is not known.
	Emulator string
	// Seconds that the platform's solve took, its push included, its waiting for a turn not.
	Seconds float64
	// Manifest and Config name the image; Size is the sum of its layers and its config in bytes, compressed as in the registry.
	Manifest ocispecs.Descriptor
	Config   digest.Digest
	Size     int64
	// Attestations are the manifests about the image, as the index has them.
	Attestations []ocispecs.Descriptor
	// Retries is how often the platform was solved again after a failure.
	Retries int
	// Cross is what of it did not need to run under an emulator.
	Cross crosscompile.Report
	// Verify is what its executables were found to be for.
	Verify gate.Result
	// Tests are what became of the tests on the image, in their order.
	Tests []smoke.Outcome
	// Err says why there is no image, or why it must not be published.
	Err error
}

// FailedError says that platforms could not be built. No tag was moved.
type FailedError struct{ Platforms []PlatformReport }

func (e *FailedError) Error() string {
	if first, same := e.sameCause(); same && len(e.Platforms) > 1 {
		return fmt.Sprintf("%s (all %d platforms)", first, len(e.Platforms))
	}
	lines := make([]string, len(e.Platforms))
	for i, p := range e.Platforms {
		lines[i] = fmt.Sprintf("%s: %v", platform.Format(p.Platform), p.Err)
	}
	return strings.Join(lines, "\n")
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

// Unwrap gives the platforms' errors.
func (e *FailedError) Unwrap() []error {
	errs := make([]error, len(e.Platforms))
	for i, p := range e.Platforms {
		errs[i] = p.Err
	}
	return errs
}

// failedError is the error of the platforms that have none of their image, or nil.
func failedError(platforms []PlatformReport) error {
	var failed []PlatformReport
	pushing := true
	for _, p := range platforms {
		if p.Err != nil && !failure.Consequence(p.Err) {
			failed = append(failed, p)
			pushing = pushing && failure.PushFailed(p.Err)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	err := &FailedError{Platforms: failed}
	if pushing {
		return &index.PushError{Err: err}
	}
	return err
}
