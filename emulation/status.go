package emulation

import (
	"fmt"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mode is how a kernel runs the programs of a platform; a higher one is better.
type Mode int

const (
	// None means that the kernel does not run them.
	None Mode = iota
	// Builder means that only BuildKit runs them, with the emulator that its image carries and puts
	// before a step's command. Programs that the command starts may fail.
	Builder
	// Emulated means that a handler runs them, QEMU or one of the machine's own such as rosetta.
	Emulated
	// Native means that the kernel runs them itself; also 32-bit programs on a 64-bit kernel.
	Native
)

// String is "none", "emulated (builder)", "emulated" or "native".
func (m Mode) String() string {
	switch m {
	case None:
		return "none"
	case Builder:
		return "emulated (builder)"
	case Emulated:
		return "emulated"
	case Native:
		return "native"
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// Status is the result of one Probe. It is a value: it does not change with the kernel.
type Status struct {
	Kernel  string // release, "6.1.0-18-amd64"
	Machine string // as `uname -m` prints it
	// HandlersUnknown is the reason why the handlers could not be read; "" if they could.
	HandlersUnknown string
	Off             bool      // binfmt_misc as a whole is switched off: no handler counts
	Handlers        []Handler // all of them, newest first: of several that match, the kernel takes the first enabled
	Archs           []Support // of the architectures that were probed, in the order of the table
}

// Support describes how a kernel runs the programs of one architecture.
type Support struct {
	Arch string // Go's name
	Mode Mode

	// Ran reports whether the probe program ran in an otherwise empty root, as it must in a container. If
	// not, ExitStatus is its exit status as the shell has it (126 and 127: not started; 128 plus a signal's
	// number: killed), and Output is what it wrote.
	Ran        bool
	ExitStatus int
	Output     string

	Handlers []Handler // those that match, enabled or not, newest first

	// Version of QEMU, as the emulator that the kernel uses reports it: "7.2.22". "" if it is not QEMU,
	// or none.
	Version string

	BuilderEmulator string // path of BuildKit's own emulator; "" if the image has none
	BuilderRan      bool   // it ran the probe; tried only when the kernel could not
}

// Handler returns the handler that the kernel uses for the architecture: the newest enabled one that
// matches.
func (s Support) Handler() (Handler, bool) {
	if i := slices.IndexFunc(s.Handlers, func(h Handler) bool { return h.Enabled }); i >= 0 {
		return s.Handlers[i], true
	}
	return Handler{}, false
}

// Arch returns the result for an architecture. ok is false when it was not probed.
func (s Status) Arch(name string) (_ Support, ok bool) {
	if i := slices.IndexFunc(s.Archs, func(a Support) bool { return a.Arch == name }); i >= 0 {
		return s.Archs[i], true
	}
	return Support{}, false
}

// has reports whether the platforms' architectures were probed.
func (s Status) has(ps []platform.Platform) bool {
	return !slices.ContainsFunc(ArchsOf(ps...), func(a Arch) bool {
		_, probed := s.Arch(a.Name)
		return !probed
	})
}

// Mode returns how the kernel runs programs of a platform. A platform that was not probed, is unknown,
// or is not Linux has None.
//
// A variant matters only when the platform is emulated: QEMU and BuildKit stop at amd64/v2, so v3 and
// v4 have None. The variants of a native processor are known to BuildKit's worker: here they are all
// native.
func (s Status) Mode(p platform.Platform) Mode {
	p = platform.Normalize(p)
	sup, ok := s.Arch(p.Architecture)
	if p.OS != "linux" || !ok {
		return None
	}
	if sup.Mode < Native && beyondEmulation(p) {
		return None
	}
	return sup.Mode
}

// beyondEmulation reports whether no emulator can serve a platform's variant (exec_binfmt.go of
// BuildKit 0.33 refuses them).
func beyondEmulation(p platform.Platform) bool {
	return p.Architecture == "amd64" && p.Variant != "" && p.Variant != "v1" && p.Variant != "v2"
}

// Below returns the platforms whose Mode is less than the given one, in the
// given order.
func (s Status) Below(least Mode, ps ...platform.Platform) []platform.Platform {
	var out []platform.Platform
	for _, p := range ps {
		if s.Mode(p) < least {
			out = append(out, p)
		}
	}
	return out
}

// Require returns nil when the kernel runs every platform in the given mode or a better one, and a
// *MissingError about the others if not.
func (s Status) Require(least Mode, ps ...platform.Platform) error {
	missing := s.Below(least, ps...)
	if len(missing) == 0 {
		return nil
	}
	return &MissingError{Platforms: missing, Status: s}
}

// newStatus draws the conclusions from a report.
func newStatus(rep report, archs []Arch) Status {
	s := Status{
		Kernel: rep.kernel, Machine: rep.machine,
		HandlersUnknown: rep.mountError, Off: rep.off, Handlers: rep.handlers,
	}
	for _, a := range archs {
		s.Archs = append(s.Archs, s.support(a, rep.runs[a.Name]))
	}
	return s
}

func (s Status) support(a Arch, r run) Support {
	sup := Support{
		Arch: a.Name, Ran: r.status == 0, ExitStatus: r.status, Output: r.output, Version: r.version,
		BuilderEmulator: r.builder, BuilderRan: r.builder != "" && r.builderStatus == 0,
	}
	program := a.Program()
	for _, h := range s.Handlers {
		if h.Matches(program) {
			sup.Handlers = append(sup.Handlers, h)
		}
	}
	_, handled := sup.Handler()
	handled = handled && !s.Off
	switch {
	case sup.Ran && s.HandlersUnknown != "" && !ownOrCompat(s.Machine, a.Name), sup.Ran && handled:
		sup.Mode = Emulated
	case sup.Ran:
		sup.Mode = Native
	case sup.BuilderRan:
		sup.Mode = Builder
	}
	return sup
}

// ownOrCompat guesses whether a machine runs an architecture itself, for when the handlers cannot be
// read.
func ownOrCompat(machine, arch string) bool {
	own, ok := LookupMachine(machine)
	if !ok {
		return false
	}
	switch arch {
	case "386":
		return own.Name == "386" || own.Name == "amd64"
	case "arm":
		return own.Name == "arm" || own.Name == "arm64"
	case "mips64le":
		return own.Name == "mips64"
	}
	return own.Name == arch
}
