package emulation

import (
	"context"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Planned is the change that Install would make for one platform's architecture.
type Planned struct {
	Arch    string
	Mode    Mode      // as it is now
	Replace []Handler // handlers that Force would remove before

	// Source is where the emulator would come from; "" when nothing would be done, because the platform
	// runs, or because of Reason.
	Source Source
	Image  string // for LocalImage and Registry
	// Line is the registration in the kernel's format, for source Host. The binfmt image makes its own,
	// under the same name. P is left out of the flags where QEMU turns out not to understand it.
	Line   string
	Reason string // why nothing can be installed
}

// Preview returns what Install would do, and changes nothing. No registry is asked.
func Preview(ctx context.Context, opt InstallOptions) ([]Planned, error) {
	in := installer{InstallOptions: opt}
	if in.Image == "" {
		in.Image = DefaultImage
	}
	if err := in.observe(ctx); err != nil {
		return nil, err
	}
	archs := in.installable()
	id, err := in.Runner.Verified(ctx, in.Image)
	present := err == nil && id != "" // an image that may not run is pulled
	var found map[string]string
	if len(archs) > 0 && in.HelperImage != "" && in.uses(Host) {
		if found, err = findOnHost(ctx, in.Runner, in.HelperImage, archs, in.Labels); err != nil {
			return nil, err
		}
	}
	var out []Planned
	for _, a := range ArchsOf(in.Platforms...) {
		out = append(out, in.planned(a, archs, present, found[a.Name]))
	}
	return out, nil
}

// uses reports whether a source is among those that may be tried.
func (in *installer) uses(src Source) bool {
	for _, s := range in.sources() {
		if s == src {
			return true
		}
	}
	return false
}

// planned follows the order in which Install tries the sources.
func (in *installer) planned(a Arch, archs []Arch, present bool, found string) Planned {
	sup, _ := in.now.Arch(a.Name)
	p := Planned{Arch: a.Name, Mode: sup.Mode}
	chosen := false
	for _, o := range archs {
		chosen = chosen || o.Name == a.Name
	}
	if !chosen {
		if sup.Mode < in.least() {
			p.Reason = in.now.Why(platform.Platform{OS: "linux", Architecture: a.Name})
		}
		return p
	}
	if err := refusal(in.Engine, in.Image); err != nil {
		p.Reason = err.Error()
		return p
	}
	if in.replaceable(sup) {
		p.Replace = in.now.qemuHandlers(a.Name)
	}
	for _, src := range in.sources() {
		switch {
		case src == Host && found != "":
			p.Source, p.Line = Host, a.Registration(found, installFlags)
			return p
		case src == LocalImage && present, src == Registry && !present:
			p.Source, p.Image = src, in.Image
			return p
		}
	}
	p.Reason = fmt.Sprintf("no source has qemu-%s", a.QEMU)
	return p
}
