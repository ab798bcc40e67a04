package emulation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Shell runs `/bin/sh -c script` in a privileged container on the engine's kernel and returns its
// standard output. The container needs busybox or an equivalent. A script that fails is an error.
type Shell interface {
	Run(ctx context.Context, script string) (stdout []byte, err error)
}

// Prober is a probe that needs no shell.
type Prober func(ctx context.Context, only ...platform.Platform) (Status, error)

// Probe finds out which architectures the kernel behind a shell runs, by running them: one script, one
// probe program for each architecture. If platforms are given, only their architectures are probed,
// which saves some milliseconds for each one left out; those that are not in the table, or not Linux,
// are skipped.
//
// In the shell's container binfmt_misc stays mounted; nothing else is changed.
func Probe(ctx context.Context, sh Shell, only ...platform.Platform) (Status, error) {
	archs := ArchsOf(only...)
	out, err := sh.Run(ctx, probeScript(archs))
	if err != nil {
		return Status{}, fmt.Errorf("probe what the engine's kernel runs: %w", err)
	}
	rep, err := parseReport(string(out))
	if err == nil {
		err = rep.usable(archs)
	}
	if err != nil {
		return Status{}, fmt.Errorf("probe what the engine's kernel runs: %w", err)
	}
	return newStatus(rep, archs), nil
}

// ProbeScript returns the script that [Probe] runs for the platforms.
func ProbeScript(only ...platform.Platform) string { return probeScript(ArchsOf(only...)) }

// usable returns an error if a complete report does not allow conclusions.
func (r *report) usable(archs []Arch) error {
	if r.chrootError != "" {
		return fmt.Errorf("the container may not change its root directory: %s", r.chrootError)
	}
	for _, a := range archs {
		if _, ok := r.runs[a.Name]; !ok {
			return errors.New("nothing was reported about " + a.Name)
		}
	}
	return nil
}

// ArchsOf returns the rows for the platforms, in the order of the table; platforms that are not in the
// table, or not Linux, are skipped. It returns all rows when no platform is given.
func ArchsOf(only ...platform.Platform) []Arch {
	archs := Archs()
	if len(only) == 0 {
		return archs
	}
	return slices.DeleteFunc(archs, func(a Arch) bool {
		return !slices.ContainsFunc(only, func(p platform.Platform) bool {
			p = platform.Normalize(p)
			return p.OS == "linux" && p.Architecture == a.Name
		})
	})
}
