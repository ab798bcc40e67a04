package emulation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// DefaultImage is the binfmt image that is installed from: one release, because changes of "latest"
// have broken builds from one day to the next, and by its digest, because it runs with privileges.
const DefaultImage = "tonistiigi/binfmt:qemu-v10.2.3-68@sha256:400a4873b838d1b89194d982c45e5fb3cda4593fbfd7e08a02e76b03b21166f0"

// Starter runs containers; *engine.Engine is one.
type Starter interface {
	Run(ctx context.Context, spec engine.RunSpec) (engine.RunResult, error)
}

// Runner is the part of an engine that Install needs; trust.Images is one.
type Runner interface {
	Starter
	// Verified returns the ID of the image that the engine has under ref, "" if it has none. The error
	// says why the image may not run with privileges, or why that is unknown.
	Verified(ctx context.Context, ref string) (id string, err error)
	Pull(ctx context.Context, ref, registryAuth string, report func(line string)) error
}

// Source is an origin of emulators.
type Source string

// The sources are in the order in which Install tries them.
const (
	Host       Source = "host"           // QEMU's static binaries on the engine's host
	LocalImage Source = "local image"    // the binfmt image, if the engine has it, and it may run with privileges
	Registry   Source = "registry image" // the binfmt image, pulled
)

// InstallOptions are the options of Install. Shell or Probe, Runner and Platforms are required.
type InstallOptions struct {
	Shell     Shell  // probes; not a container that Runner starts, so that its result is independent
	Probe     Prober // probes in place of Shell, if it is not nil
	Runner    Runner
	Platforms []platform.Platform

	Engine engine.Info // has whether the engine is rootless; with the zero value Install tries
	Status *Status     // the result of a recent Probe; nil, or if it lacks one of these platforms: Install probes first

	// Kernel also installs for platforms that only BuildKit's own emulators run. If false, Builder is
	// sufficient.
	Kernel bool

	// Force also replaces QEMU's handlers of the requested architectures, whether they run or not: to
	// upgrade, or to change flags. If the replacements do not run, the old handlers are restored where
	// that is possible. It needs HelperImage.
	Force bool

	Sources      []Source // nil: all three, in their order
	Image        string   // the binfmt image; "": DefaultImage
	RegistryAuth string   // for pulling it: the encoded X-Registry-Auth header, or ""
	// HelperImage is an image with busybox or an equivalent that the engine certainly has, such as the
	// builder's, and that may run with privileges; preferably by its ID. Source Host needs it and is
	// left out when it is "".
	HelperImage string

	Labels map[string]string // of the containers that are run and removed again
	Report func(line string) // gets a line for each step; may be nil
}

// Report is the result of an install.
type Report struct {
	Installed []Installed // platforms that run now and did not before, in the order of the request
	Attempts  []Attempt   // also those that installed nothing
	Status    Status      // of the platforms, afterwards
}

// Installed is an architecture that became runnable.
type Installed struct {
	Arch    string
	Source  Source
	Handler Handler   // the new one
	Old     []Handler // handlers that Force removed before, newest first
}

// Attempt is one source that was tried.
type Attempt struct {
	Source Source
	Image  string   // for LocalImage and Registry
	Archs  []string // the architectures to install, by Go's names
	Output []string // the installer's output, line by line
	Err    error    // why it could not be run at all; a failed installer may still have nil
}

// String formats the attempt on one line.
func (a Attempt) String() string {
	s := string(a.Source)
	if a.Image != "" {
		s += fmt.Sprintf(" %q", a.Image)
	}
	switch {
	case a.Err != nil:
		return s + ": " + a.Err.Error()
	case len(a.Output) > 0:
		return s + fmt.Sprintf(": it printed %q", strings.Join(a.Output, " / "))
	}
	return s + ": it printed nothing"
}

// Install makes the engine's kernel run the platforms, installing handlers only for those that it does
// not run. Afterwards all of them have been probed; if one still does not run, the error is a
// *MissingError, and the report lists what was done. Existing handlers are left alone, so Install is
// safe to call at any time, also from two places at once: a handler that another client registers
// meanwhile counts.
func Install(ctx context.Context, opt InstallOptions) (Report, error) {
	in := installer{InstallOptions: opt}
	if in.Report == nil {
		in.Report = func(string) {}
	}
	if in.Image == "" {
		in.Image = DefaultImage
	}
	if err := in.observe(ctx); err != nil {
		return Report{}, err
	}
	err := in.install(ctx)
	return Report{Installed: in.installed, Attempts: in.attempts, Status: in.now}, err
}

// installer is one running Install.
type installer struct {
	InstallOptions
	now       Status // the result of the last probe
	installed []Installed
	attempts  []Attempt
	removed   map[string][]Handler // by architecture, the handlers that Force has removed, newest first
}

// observe updates now.
func (in *installer) observe(ctx context.Context) error {
	if known := in.Status; known != nil && known.has(in.Platforms) {
		in.now, in.Status = *known, nil
		return nil
	}
	var err error
	if in.Probe != nil {
		in.now, err = in.Probe(ctx, in.Platforms...)
		return err
	}
	in.now, err = Probe(ctx, in.Shell, in.Platforms...)
	return err
}

func (in *installer) least() Mode {
	if in.Kernel {
		return Emulated
	}
	return Builder
}

func (in *installer) install(ctx context.Context) error {
	if len(in.installable()) > 0 {
		if err := refusal(in.Engine, in.Image); err != nil {
			return &MissingError{Platforms: in.now.Below(in.least(), in.Platforms...), Status: in.now, Refused: err}
		}
	}
	for _, src := range in.sources() {
		if err := in.try(ctx, src); err != nil {
			return err
		}
		if n := len(in.attempts); n > 0 && errors.As(in.attempts[n-1].Err, new(*PrivilegeError)) {
			break // the others need the privilege, too
		}
	}
	if err := in.restore(ctx); err != nil {
		return err
	}
	missing := in.now.Below(in.least(), in.Platforms...)
	if len(missing) > 0 {
		return &MissingError{Platforms: missing, Status: in.now, Attempts: in.attempts}
	}
	return in.notReplaced()
}

func (in *installer) sources() []Source {
	if in.Sources != nil {
		return in.Sources
	}
	return []Source{Host, LocalImage, Registry}
}

// installable returns the architectures that do not run, or that are to be replaced, and for which a
// handler can be installed without changing one that is not QEMU's, nor any without Force.
func (in *installer) installable() []Arch {
	var out []Arch
	for _, a := range ArchsOf(in.Platforms...) {
		// A platform may be missing only because of its variant: then its architecture runs.
		if sup, ok := in.now.Arch(a.Name); ok && (in.replaceable(sup) || sup.Mode < in.least() && !in.now.blocked(sup)) {
			out = append(out, a)
		}
	}
	return out
}

// replaceable reports whether an architecture's handlers are still to be replaced.
func (in *installer) replaceable(sup Support) bool {
	_, done := in.removed[sup.Arch]
	own, _ := LookupMachine(in.now.Machine)
	return in.Force && !done && sup.Mode != Native && own.Name != sup.Arch && len(in.now.qemuHandlers(sup.Arch)) > 0 && !in.now.foreign(sup) && !in.now.Off
}

// try installs the missing emulators from one source and probes the result. An error ends the install;
// lesser failures are kept in the attempt.
func (in *installer) try(ctx context.Context, src Source) error {
	archs := in.installable()
	if len(archs) == 0 {
		return nil
	}
	at, ok := in.attempt(ctx, src, archs)
	if ctx.Err() != nil {
		return fmt.Errorf("install emulators from %s: %w", src, context.Cause(ctx))
	}
	if !ok {
		return nil
	}
	in.attempts = append(in.attempts, at)
	if at.Err != nil {
		return nil
	}
	if err := in.observe(ctx); err != nil {
		return err
	}
	for _, a := range archs {
		sup, _ := in.now.Arch(a.Name)
		if sup.Mode < Emulated {
			continue
		}
		h, _ := sup.Handler()
		in.installed = append(in.installed, Installed{Arch: a.Name, Source: src, Handler: h, Old: in.removed[a.Name]})
		if h.Name == "" { // unknown to a probe that has no shell
			in.Report(fmt.Sprintf("linux/%s now runs", a.Name))
			continue
		}
		in.Report(fmt.Sprintf("linux/%s now runs through %s", a.Name, h))
	}
	return nil
}

// refusal returns why an engine cannot install, or nil.
func refusal(info engine.Info, image string) error {
	if info.Rootless || info.UserNS {
		return &PrivilegeError{Rootless: info.Rootless, Image: image}
	}
	return nil
}
