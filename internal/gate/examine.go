package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/client/pkg/stringid"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Examine judges an image. It fails if a layer could not be requested. Every problem of the image itself is a finding.
func Examine(ctx context.Context, img Image, lister rootfs.Lister, opt Options) (Result, error) {
	if opt.Mode == Off {
		return Result{Verdict: NotAsked}, nil
	}
	x := &examination{
		img: img, opt: opt, accused: map[string]bool{}, platform: platform.Normalize(img.Platform), allow: newAllowance(opt.Allow),
	}
	x.root = &rootfs.Root{Lister: lister, Unlimited: opt.Mode == Strict, Listed: x.listed}
	for _, layer := range img.Layers {
		x.root.Layers = append(x.root.Layers, rootfs.Layer{Descriptor: layer.Descriptor, Base: layer.Base})
	}
	x.result.BaseExamined = true
	if err := x.root.ListAdded(ctx); err != nil {
		return Result{}, err
	}
	switch {
	case x.platform.Architecture == "wasm": // its modules are executables of no kernel
		return x.conclude(), nil
	case x.platform.OS == "windows":
		x.startWindows()
	default:
		x.start(ctx)
	}
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	x.elsewhere()
	x.base(ctx)
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return x.conclude(), nil
}

// An examination is the state of judging one image.
type examination struct {
	img      Image
	opt      Options
	root     *rootfs.Root
	platform platform.Platform
	allow    allowance
	accused  map[string]bool // paths that have a finding
	leveled  bool            // there is a finding about the x86-64 level
	result   Result
}

// all is the view of all layers. It reads layers that were not read before.
func (x *examination) all() rootfs.View { return rootfs.View{Root: x.root} }

// listed adds a finding if a layer has no listing, or an incomplete one.
func (x *examination) listed(i int) {
	err := x.root.Errs()[i]
	switch l := x.root.Listing(i); {
	case l != nil && l.Cut:
		x.add(i, diag.Diagnostic{Severity: diag.Note, Check: CheckLayerNotExamined, Message: fmt.Sprintf("only %d files of the layer were examined", len(l.Entries))})
	case errors.Is(err, layers.ErrBadLayer):
		x.add(i, diag.Diagnostic{Severity: diag.Error, Check: CheckLayer, Message: err.Error()})
	case errors.Is(err, layers.ErrUnknownLayer):
		x.add(i, diag.Diagnostic{Severity: diag.Note, Check: CheckLayerNotExamined, Message: err.Error()})
	}
}

// add keeps a finding about a layer. i < 0 means no layer.
func (x *examination) add(i int, f diag.Diagnostic) {
	f.Platforms = []string{platform.Format(x.platform)}
	if i >= 0 {
		layer := x.img.Layers[i]
		f.Digest, f.Step, f.File, f.Line = layer.Descriptor.Digest, layer.Step, layer.File, layer.Line
	}
	x.result.Findings = append(x.result.Findings, f)
}

func (x *examination) conclude() Result {
	r := x.result
	slices.SortStableFunc(r.Findings, func(a, b diag.Diagnostic) int { return a.Severity.Compare(b.Severity) })
	r.Unmatched = x.allow.unmatched()
	r.Verdict = OK
	if len(r.Findings) > 0 {
		switch r.Findings[0].Severity {
		case diag.Error:
			r.Verdict = Refused
		case diag.Warning:
			r.Verdict = Warned
		case diag.Note:
		}
	}
	if r.Verdict == OK && x.root.NothingSeen() {
		r.Verdict = NotExamined
	}
	return r
}

// expectedMachine returns the machine of the image's platform, with the operating system if that is not Linux.
func (x *examination) expectedMachine() string {
	switch x.native() {
	case exe.PE:
		return "Windows " + x.platform.Architecture
	case exe.MachO:
		return "macOS " + x.platform.Architecture
	default:
		return x.platform.Architecture
	}
}

// found returns the machine of a file, with the operating system if that is not the image's.
func (x *examination) found(f exe.File) string {
	if f.Format == exe.ELF && x.native() != exe.ELF {
		return "Linux " + f.String() + " (ELF)"
	}
	return f.String()
}

// origin returns where a layer comes from, for the end of a sentence.
func (x *examination) origin(i int) string {
	layer := x.img.Layers[i]
	text := stringid.TruncateID(layer.Descriptor.Digest.String())
	switch {
	case layer.Line > 0:
		text += fmt.Sprintf(", %s:%d", cmp.Or(layer.File, "Dockerfile"), layer.Line)
	case layer.Base:
		text += ", of the base image"
	}
	if layer.Step != "" {
		text += ": " + oneLine(layer.Step)
	}
	return " (layer " + text + ")"
}

// oneLine returns the beginning of a step's text on one line.
func oneLine(step string) string {
	const width = 80
	clean := []rune(strings.Join(strings.Fields(printable.Line(step)), " "))
	if len(clean) > width {
		return string(clean[:width-1]) + "…"
	}
	return string(clean)
}
