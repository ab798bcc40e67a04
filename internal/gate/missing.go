package gate

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// missing adds the finding that a program is missing, or may be.
func (x *examination) missing(o rootfs.Outcome, p program) {
	if o == rootfs.Unknown {
		x.unread(p.word, p.name()+" may be")
		return
	}
	f, layer := diag.Diagnostic{Severity: p.severity()}, -1
	if p.by != nil {
		f.Path, layer = "/"+p.by.Path, p.by.Layer
	}
	switch p.role {
	case roleEntrypoint:
		f.Severity, f.Check, f.Path = diag.Warning, CheckEntrypointMissing, p.word
		f.Message = p.name() + " is not in the image: it starts only if a volume brings it"
		f.Fix = "if no volume brings it when the image runs: check ENTRYPOINT, CMD, PATH and the COPY that should bring it"
	case roleInterpreter:
		f.Check = CheckInterpreterMissing
		f.Message = p.name() + " is not in the image" + x.origin(layer)
		if strings.Contains(p.word, " ") {
			f.Fix = `Linux takes everything after "env" as one name: write "env -S"`
		}
	case roleLoader:
		f.Check = CheckLoaderMissing
		f.Message = fmt.Sprintf("%q needs the loader %q, which the image lacks%s%s", f.Path, p.word, library(p.word), x.origin(layer))
		f.Fix = "link the program statically (CGO_ENABLED=0), or use a base image that has its loader"
	}
	x.add(layer, f)
}

// unread adds one note that the verdict depends on a base layer that was not read. Other layers without a listing have a finding
// already. The sentence begins with what; its cause is the error of the layer.
func (x *examination) unread(word, what string) {
	i := slices.IndexFunc(x.root.Errs(), func(err error) bool {
		return err != nil && !errors.Is(err, layers.ErrUnknownLayer) && !errors.Is(err, layers.ErrBadLayer)
	})
	if i < 0 || !x.result.BaseExamined {
		return
	}
	x.result.BaseExamined = false
	err := x.root.Errs()[i]
	why := err.Error()
	if errors.Is(err, layers.ErrNotRead) {
		why = fmt.Sprintf("%d MB", x.img.Layers[i].Descriptor.Size>>20)
	}
	x.add(-1, diag.Diagnostic{
		Severity: diag.Note, Check: CheckBaseNotExamined, Content: diag.Content{Path: word},
		Message: fmt.Sprintf("%s in a layer of the base image that was not read (%s)", what, why), Cause: err,
	})
}

// library names the C library that a program was linked with, by the loader's name.
func library(loader string) string {
	switch name := path.Base(loader); {
	case strings.HasPrefix(name, "ld-musl-"):
		return " (it was linked with musl, as on Alpine)"
	case strings.HasPrefix(name, "ld-linux"), strings.HasPrefix(name, "ld64.so"), strings.HasPrefix(name, "ld.so"):
		return " (it was linked with glibc, as on Debian)"
	}
	return ""
}
