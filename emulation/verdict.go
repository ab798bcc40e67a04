package emulation

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Verdict is the judgement of a handler, or of how a platform runs.
type Verdict string

// These are the verdicts.
const (
	OK          Verdict = "ok"
	NoC         Verdict = "no C"             // runs, but setuid programs (sudo, su, ping) lose their rights
	NoF         Verdict = "no F"             // does not work in containers, which do not have the interpreter
	Dead        Verdict = "dead interpreter" // the interpreter's file is gone
	Broken      Verdict = "broken"           // the interpreter starts, and the probe program fails
	Shadowed    Verdict = "shadowed"         // another handler comes first
	Disabled    Verdict = "disabled"
	Off         Verdict = "switched off" // all handlers are
	BuilderOnly Verdict = "builder only" // BuildKit's own emulator runs builds; nothing else runs
	Missing     Verdict = "none"         // no handler
)

// Verdict judges how a platform runs; why is one sentence, "" with OK.
func (i Inspection) Verdict(p platform.Platform) (v Verdict, why string) {
	p = platform.Normalize(p)
	sup, _ := i.Arch(p.Architecture)
	h, handled := sup.Handler()
	mode := i.Mode(p)
	switch {
	case mode == Native:
		return OK, ""
	case mode == Emulated && i.ownPrograms(p.Architecture) && handled:
		return Shadowed, fmt.Sprintf("the machine runs these programs itself, but handler %s takes them", h)
	case mode == Emulated && handled:
		return i.Judge(sup, h)
	case mode == Emulated:
		return OK, ""
	case mode == Builder:
		return BuilderOnly, "the kernel does not run it (" + i.Why(p) + "); builds do, with BuildKit's own emulator " + sup.BuilderEmulator
	case sup.Mode >= Emulated || !handled && len(sup.Handlers) == 0:
		return Missing, i.Why(p)
	case !handled:
		return i.Judge(sup, sup.Handlers[0])
	}
	v, why = i.Judge(sup, h)
	if second := i.secondQEMU(sup, h); v != OK && !isQEMU(h, sup.Arch) && second != "" {
		return Shadowed, fmt.Sprintf("handler %s comes before %s, and does not run them: %s", h, second, why)
	}
	return v, why
}

// ownPrograms reports whether the machine certainly runs an architecture itself. (An arm64 machine need
// not run arm, nor an amd64 one 386: its kernel or its hypervisor may have no 32-bit mode.)
func (i Inspection) ownPrograms(arch string) bool {
	own, _ := LookupMachine(i.Machine)
	return own.Name == arch
}

// Judge judges one of the handlers that match an architecture's programs. Only the handler that the
// kernel uses can be tried; for any other handler, the verdict says why the kernel does not use it.
func (i Inspection) Judge(sup Support, h Handler) (v Verdict, why string) {
	used, _ := sup.Handler()
	switch {
	case i.Off:
		return Off, "all handlers are switched off in the kernel (echo 1 > " + binfmtDir + "/status)"
	case !h.Enabled:
		return Disabled, "it is disabled (echo 1 > " + binfmtDir + "/" + h.Name + ")"
	case used.Name != h.Name:
		return Shadowed, fmt.Sprintf("the newer handler %s comes first", used)
	case sup.Ran && !h.Has('C'):
		return NoC, "programs with setuid rights (sudo, ping) lose them: it lacks flag C"
	case sup.Ran:
		return OK, ""
	case !h.Has('F') && i.gone(h):
		return Dead, fmt.Sprintf("%s no longer exists, and it lacks flag F", h.Interpreter)
	case !h.Has('F'):
		return NoF, "it does not work in containers: it lacks flag F"
	}
	output := ""
	if sup.Output != "" {
		output = fmt.Sprintf(": %q", sup.Output)
	}
	return Broken, fmt.Sprintf("the probe program ends with status %d%s", sup.ExitStatus, output)
}

// gone reports whether a handler's interpreter is known to be missing on the host.
func (i Inspection) gone(h Handler) bool {
	return i.Host.Known && strings.HasPrefix(h.Interpreter, "/usr/") && !i.Host.Present[h.Interpreter]
}

// secondQEMU returns the name of QEMU's own handler for an architecture if it is enabled and is not the
// one that is used.
func (i Inspection) secondQEMU(sup Support, used Handler) string {
	for _, h := range sup.Handlers {
		if h.Enabled && h.Name != used.Name && isQEMU(h, sup.Arch) {
			return h.Name
		}
	}
	return ""
}

// isQEMU reports whether a handler is one of QEMU's for an architecture: by its name, or by its kind of
// name and the programs that it matches. Only these are ever removed.
func isQEMU(h Handler, arch string) bool {
	a, ok := Lookup(arch)
	return ok && (h.Name == a.HandlerName() || strings.HasPrefix(h.Name, "qemu-") && h.Matches(a.Program()))
}
