package emulation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PrivilegeError means that handlers cannot be installed through this engine, because its containers
// lack the privilege.
type PrivilegeError struct {
	Rootless bool   // the engine runs rootless; otherwise its containers run in a user namespace, unless Err is set
	Image    string // the binfmt image, which another way would have to run
	Err      error  // how the engine refused a privileged container; nil: that was not tried
}

func (e *PrivilegeError) Error() string {
	why := "its containers run in a user namespace"
	switch {
	case e.Err != nil:
		why = e.Err.Error()
	case e.Rootless:
		why = "it runs rootless"
	}
	return "the engine cannot give a container the right to install emulators: " + why
}

func (e *PrivilegeError) Unwrap() error { return e.Err }

// ByHand returns the command by which a user installs emulators on a machine with a Docker Engine.
func ByHand(image string, archs ...string) string {
	return fmt.Sprintf("docker run --privileged --userns=host --rm %s --install %s", image, strings.Join(archs, ","))
}

// InstallPackage is the other way to install emulators on a machine, as the begin of an advice.
const InstallPackage = "install the distribution's package of QEMU's static emulators (qemu-user-static)"

// MissingError names the platforms that the engine's kernel does not run, why, and which sources were
// tried. The error of Status.Require has no attempts; that of Install has those that it made.
type MissingError struct {
	Platforms []platform.Platform // in the order of the request
	Status    Status              // as it was at the end
	Attempts  []Attempt           // in the order in which they were made
	Refused   error               // why no source was tried: a *PrivilegeError
}

// Error names each platform with the reason, then the attempts.
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

// Unwrap returns why no source was tried, and the error of each attempt.
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

// Installable returns the platforms for which an emulator exists, so that an install may help.
func (e *MissingError) Installable() []platform.Platform {
	return slices.DeleteFunc(slices.Clone(e.Platforms), func(p platform.Platform) bool { return !emulatable(p) })
}

// Replaceable returns the platforms whose installation only a handler of QEMU's prevents: Force
// replaces it.
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

// emulatable reports whether an emulator for a platform exists at all.
func emulatable(p platform.Platform) bool {
	p = platform.Normalize(p)
	_, known := Lookup(p.Architecture)
	return known && p.OS == "linux" && !beyondEmulation(p)
}

// Why explains why a platform does not run through the kernel: which handler blocks it, or that there
// is none. It is "" for a platform that is Native or Emulated.
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

// whyArch checks each requirement of a handler, in the kernel's order.
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
	output := ""
	if sup.Output != "" {
		output = fmt.Sprintf(": %q", sup.Output)
	}
	return fmt.Sprintf("handler %s is broken: its probe program ends with status %d%s", h, sup.ExitStatus, output)
}

// named finds the handler with the name that a new one for this architecture would get.
func (s Status) named(arch string) (Handler, bool) {
	a, _ := Lookup(arch)
	for _, h := range s.Handlers {
		if h.Name == a.HandlerName() {
			return h, true
		}
	}
	return Handler{}, false
}

// blocked reports whether an existing handler prevents the installation of a new one for the
// architecture: one that matches its programs, whatever its name, or one that has the name.
func (s Status) blocked(sup Support) bool {
	_, taken := s.named(sup.Arch)
	return taken || len(sup.Handlers) > 0 || s.Off
}

// foreign reports whether a handler that is not QEMU's matches the architecture's programs. Such a
// handler is never replaced, nor shadowed by a new one.
func (s Status) foreign(sup Support) bool {
	return slices.ContainsFunc(sup.Handlers, func(h Handler) bool { return !isQEMU(h, sup.Arch) })
}

// qemuHandlers returns QEMU's handlers for an architecture, which may be removed.
func (s Status) qemuHandlers(arch string) []Handler {
	var out []Handler
	for _, h := range s.Handlers {
		if isQEMU(h, arch) {
			out = append(out, h)
		}
	}
	return out
}
