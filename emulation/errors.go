package emulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ErrPrivilege says that handlers cannot be installed through this engine,
// because its containers have no right to: it runs rootless or in a user
// namespace. The error's text has a way out.
var ErrPrivilege = errors.New("the engine cannot give a container the right to install emulators")

// MissingError says which platforms the engine's kernel does not run, why not,
// and what was tried. Status.Require returns one with no attempts, Install one
// with those that it made.
type MissingError struct {
	Platforms []platform.Platform // in the order in which they were asked for
	Status    Status              // as it was at the end
	Attempts  []Attempt           // in the order in which they were made
	Refused   error               // why nothing was tried; wraps ErrPrivilege
}

// Error names each platform with the reason, then what was tried.
func (e *MissingError) Error() string {
	var parts []string
	for _, p := range e.Platforms {
		parts = append(parts, platform.Format(p)+": "+e.Status.Why(p))
	}
	for _, a := range e.Attempts {
		parts = append(parts, "tried "+a.String())
	}
	if e.Refused != nil {
		parts = append(parts, e.Refused.Error())
	}
	return "the engine cannot run " + strings.Join(parts, "; ")
}

// Unwrap returns why nothing was tried and what stopped each attempt.
func (e *MissingError) Unwrap() []error {
	var errs []error
	if e.Refused != nil {
		errs = append(errs, e.Refused)
	}
	for _, a := range e.Attempts {
		if a.Err != nil {
			errs = append(errs, a.Err)
		}
	}
	return errs
}

// Command is what to run to install what is missing, "docker multiarch
// emulators install linux/arm64"; "" when no install can help.
func (e *MissingError) Command() string {
	var names []string
	for _, p := range e.Platforms {
		if emulatable(p) {
			names = append(names, platform.Format(p))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "docker multiarch emulators install " + strings.Join(names, " ")
}

// Replaceable are those platforms that only a handler of QEMU's keeps from being
// installed: Force replaces it.
func (e *MissingError) Replaceable() []platform.Platform {
	var out []platform.Platform
	for _, p := range e.Platforms {
		sup, ok := e.Status.Arch(platform.Normalize(p).Architecture)
		if ok && emulatable(p) && !e.Status.Off && len(e.Status.qemuHandlers(sup.Arch)) > 0 && !e.Status.foreign(sup) {
			out = append(out, p)
		}
	}
	return out
}

// emulatable says whether there is an emulator for a platform at all.
func emulatable(p platform.Platform) bool {
	p = platform.Normalize(p)
	_, known := Lookup(p.Architecture)
	return known && p.OS == "linux" && !beyondEmulation(p)
}

// Why says in words why a platform does not run through the kernel: which
// handler is in the way of it, or that there is none. It is "" for a platform
// that is Native or Emulated.
func (s Status) Why(p platform.Platform) string {
	p = platform.Normalize(p)
	if s.Mode(p) >= Emulated {
		return ""
	}
	if p.OS != "linux" {
		return "only programs for linux can be run or emulated"
	}
	if _, ok := Lookup(p.Architecture); !ok {
		return fmt.Sprintf("there is no emulator for %q", p.Architecture)
	}
	sup, ok := s.Arch(p.Architecture)
	if !ok {
		return "it was not probed"
	}
	if sup.Mode >= Emulated || (sup.Mode == Builder && beyondEmulation(p)) {
		return fmt.Sprintf("emulation ends at amd64/v2, and this processor is not an %s one", p.Architecture+"/"+p.Variant)
	}
	return s.whyArch(sup)
}

// whyArch goes through what a handler needs, in the kernel's order.
func (s Status) whyArch(sup Support) string {
	h, ok := sup.Handler()
	switch {
	case s.HandlersUnknown != "":
		return "its probe program does not start; the handlers cannot be read: " + s.HandlersUnknown
	case s.Off:
		return "all handlers are switched off in the kernel (echo 1 > " + binfmtDir + "/status)"
	case !ok && len(sup.Handlers) > 0:
		return fmt.Sprintf("handler %s is disabled", sup.Handlers[0])
	case !ok:
		if other, taken := s.named(sup.Arch); taken {
			return fmt.Sprintf("handler %s has the name but does not match its programs", other)
		}
		return "no emulator is installed"
	case !h.Has('F'):
		return fmt.Sprintf("handler %s does not work in containers: it lacks flag F", h)
	}
	said := ""
	if sup.Said != "" {
		said = fmt.Sprintf(": %q", sup.Said)
	}
	return fmt.Sprintf("handler %s is broken: its probe program ends with status %d%s", h, sup.ExitStatus, said)
}

// named finds the handler that has the name which one for this architecture
// would get.
func (s Status) named(arch string) (Handler, bool) {
	a, _ := Lookup(arch)
	for _, h := range s.Handlers {
		if h.Name == a.HandlerName() {
			return h, true
		}
	}
	return Handler{}, false
}

// blocked says whether a handler that exists keeps a new one from being
// installed for the architecture: one that matches its programs, however it is
// called, or one that has the name.
func (s Status) blocked(sup Support) bool {
	_, taken := s.named(sup.Arch)
	return taken || len(sup.Handlers) > 0 || s.Off
}

// foreign says whether a handler that is not QEMU's takes the architecture's
// programs. Such a one is never replaced, nor put in the shadow of a new one.
func (s Status) foreign(sup Support) bool {
	return slices.ContainsFunc(sup.Handlers, func(h Handler) bool { return !isQEMU(h, sup.Arch) })
}

// qemuHandlers are QEMU's for an architecture: what may be removed.
func (s Status) qemuHandlers(arch string) []Handler {
	var out []Handler
	for _, h := range s.Handlers {
		if isQEMU(h, arch) {
			out = append(out, h)
		}
	}
	return out
}
