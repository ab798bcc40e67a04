package explain

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/cachejoin"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// explainFindings prints several reasons why a build did not start, each with advice.
func explainFindings(out io.Writer, refused *preflight.Error) {
	cli.Putf(out, "ERROR: cannot start the build (%d problems, nothing was changed):\n", len(refused.Findings))
	findings.Lines(out, WithFixes(refused.Findings))
}

// flags has, by the check of a diagnostic, the flags that would help as well.
var flags = map[string]string{
	"cache-mount-shared":   "--cache-mounts=isolated",
	buildcache.CheckMounts: "--cache-mounts=isolated gives each its own, --cache-mounts=shared silences this note",
}

// FixOf returns what the user can do about a diagnostic, with the flags that would help.
func FixOf(d diag.Diagnostic) string {
	fix, flag := d.Fix, flags[d.Check]
	if fix == "" && d.Cause != nil {
		fix = Hint(d.Cause)
	}
	if fix != "" && flag != "" {
		return fix + "; or " + flag
	}
	return cmp.Or(fix, flag)
}

// WithFixes returns the diagnostics, each with what [FixOf] returns.
func WithFixes(all []diag.Diagnostic) []diag.Diagnostic {
	all = slices.Clone(all)
	for i := range all {
		all[i].Fix = FixOf(all[i])
	}
	return all
}

// preflightHint returns what to do about a problem that was found before a build began.
func preflightHint(err error) string {
	if down, ok := errors.AsType[*plan.DownError](err); ok {
		return downHint(down)
	}
	if base, ok := errors.AsType[*preflight.BaseError](err); ok {
		return baseHint(base)
	}
	if unreached, ok := errors.AsType[*preflight.UnreachedError](err); ok {
		return unreachedHint(unreached)
	}
	if _, ok := errors.AsType[*cachejoin.NotCacheError](err); ok {
		return "give the cache in --cache-to a tag of its own"
	}
	if _, ok := errors.AsType[*preflight.HostNetworkError](err); ok {
		return "to allow it, use " + cli.HostNetworkFlag
	}
	_, local := errors.AsType[*preflight.LocalSourceError](err)
	if _, unread := errors.AsType[*preflight.UnreadSourcesError](err); local || unread {
		return "to let the Dockerfile fetch from the engine's host, use " + cli.HostNetworkFlag
	}
	if cannot, ok := errors.AsType[*preflight.CannotRunError](err); ok {
		return cannotRunHint(cannot)
	}
	return ""
}

// downHint returns what to do about nodes that cannot be used.
func downHint(e *plan.DownError) string {
	if e.All {
		return "see that the nodes run and can be reached from here"
	}
	return "see that the node runs and can be reached from here; --fallback emulate lets the builder's other nodes build its platforms"
}

func baseHint(e *preflight.BaseError) string {
	wanted := strings.Join(platform.FormatAll(e.Wanted), ", ")
	switch {
	case e.Config.Architecture != "":
		return fmt.Sprintf("use an image for %s; if this one runs there anyway: --allow-platform-mismatch %s", wanted, e.Name)
	case e.Chosen:
		return fmt.Sprintf("use a base image that has %s, or another --platform in that line", wanted)
	}
	return fmt.Sprintf("use a base image that has %s, or leave it out of --platform", wanted)
}

func unreachedHint(e *preflight.UnreachedError) string {
	switch e.Failure {
	case buildkitmsg.NoConnection:
		return "the builder has its own network: " + cli.HostNetworkFlag + " puts it on the network of the engine's host"
	case buildkitmsg.UnknownHost:
		return "the builder resolves names by itself: check that the engine's host resolves this one, or use " + cli.HostNetworkFlag
	case buildkitmsg.BadCertificate:
		return "put the registry's CA certificate into /etc/docker/certs.d/" + e.Registry +
			"/ca.crt on this machine, or into ~/.docker/certs.d: the builder gets a copy"
	case buildkitmsg.PlainHTTP:
		return "the registry speaks plain HTTP: list it in the engine's insecure-registries, or set http = true for it in the file of --builder-config"
	case buildkitmsg.NoNetworkFailure:
	}
	return ""
}
