package gate

import (
	"context"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// base examines the programs of a base image whose configuration names another machine, as that of a stage which is pinned to the
// builder's platform. All of them are one finding. Of other base images only the layers that the image's start needs are read,
// since reading all of them would be slow.
func (x *examination) base(ctx context.Context) {
	says := platform.Normalize(x.img.Base)
	if says.Architecture == "" || says.OS != x.platform.OS || says.Architecture == x.platform.Architecture {
		return
	}
	f, first := diag.Diagnostic{Check: CheckBase}, -1
	for i := len(x.img.Layers) - 1; i >= 0; i-- {
		if !x.img.Layers[i].Base {
			continue
		}
		l, known := x.all().Listing(ctx, i)
		if !known {
			x.unread("", "programs for another machine may be")
		}
		if l != nil && x.foreign(i, l, &f) && first < 0 {
			first = i
		}
	}
	if f.Count == 0 {
		return
	}
	f.Path, f.Wanted = f.Paths[0], x.expectedMachine()
	if f.Message = fmt.Sprintf("%q of the base image is", f.Path); f.Count > 1 {
		f.Message = fmt.Sprintf("%d programs and libraries of the base image, %q and others, are", f.Count, f.Path)
	} else {
		f.Paths, f.Count = nil, 0
	}
	f.Message += fmt.Sprintf(" for %s, the image for %s%s", f.Machine, f.Wanted, x.origin(first))
	x.add(first, f)
}

// foreign adds the programs of a layer that are for another machine to a finding, and returns false if there are none.
func (x *examination) foreign(i int, l *listing.Listing, f *diag.Diagnostic) (some bool) {
	for _, e := range l.Entries {
		if e.Exe == nil || e.Exe.Format != x.native() || x.accused[e.Path] || isData(e.Path) {
			continue
		}
		severity, wrong := x.alarming(*e.Exe)
		if !wrong || x.allow.allows(e.Path) || x.root.Covers(i, e.Path) {
			continue
		}
		if some = true; f.Count == 0 {
			f.Severity, f.Machine = severity, x.found(*e.Exe)
		}
		if f.Count++; len(f.Paths) < firstPaths {
			f.Paths = append(f.Paths, "/"+e.Path)
		}
	}
	return some
}
