package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Examine judges an image. An error is that a layer could not be asked for; everything that is wrong with the image itself is a finding.
func Examine(ctx context.Context, img Image, lister *Lister, opt Options) (Result, error) {
	if opt.Mode == Off {
		return Result{Verdict: NotAsked}, nil
	}
	x := &examination{
		img: img, opt: opt, lister: lister, listings: make([]*Listing, len(img.Layers)), asked: make([]bool, len(img.Layers)),
		platform: platform.Normalize(img.Platform), allow: newAllowance(opt.Allow),
	}
	x.result.BaseExamined = true
	if err := x.listAdded(ctx); err != nil {
		return Result{}, err
	}
	x.elsewhere()
	return x.conclude(), nil
}

// An examination is one image's.
type examination struct {
	img      Image
	opt      Options
	lister   *Lister
	platform platform.Platform
	allow    allowance
	listings []*Listing // by layer; nil if there is none
	asked    []bool     // by layer: there is a listing, or there will be none
	result   Result
}

// listAdded lists the layers that the verdict is about, all at once.
func (x *examination) listAdded(ctx context.Context) error {
	errs := make([]error, len(x.img.Layers))
	group, ctx := errgroup.WithContext(ctx)
	for i, layer := range x.img.Layers {
		if layer.Base {
			continue
		}
		x.asked[i] = true
		group.Go(func() error {
			x.listings[i], errs[i] = x.lister.List(ctx, layer)
			if isVerdict(errs[i]) {
				return nil
			}
			return errs[i]
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, err := range errs {
		x.noListing(i, err)
	}
	return nil
}

// isVerdict tells an error that says something about a layer from one that says something about the way to it.
func isVerdict(err error) bool {
	return errors.Is(err, ErrBadLayer) || errors.Is(err, ErrUnknownLayer) || errors.Is(err, ErrNotRead)
}

// noListing finds what a layer without a listing means.
func (x *examination) noListing(i int, err error) {
	switch {
	case errors.Is(err, ErrBadLayer):
		x.add(i, Finding{Severity: Error, Check: CheckLayer, Message: err.Error()})
	case errors.Is(err, ErrUnknownLayer):
		x.add(i, Finding{Severity: Note, Check: CheckLayerNotExamined, Message: err.Error()})
	}
}

// add keeps a finding about a layer; i < 0 is about none.
func (x *examination) add(i int, f Finding) {
	f.Platform = platform.Format(x.platform)
	if i >= 0 {
		layer := x.img.Layers[i]
		f.Layer, f.Step, f.File, f.Line = layer.Descriptor.Digest, layer.Step, layer.File, layer.Line
	}
	x.result.Findings = append(x.result.Findings, f)
}

func (x *examination) conclude() Result {
	r := x.result
	weight := func(f Finding) int { return slices.Index([]Severity{Error, Warning, Note}, f.Severity) }
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(weight(a), weight(b)) })
	r.Unmatched = x.allow.unmatched()
	r.Verdict = OK
	if len(r.Findings) > 0 {
		switch r.Findings[0].Severity {
		case Error:
			r.Verdict = Refused
		case Warning:
			r.Verdict = Warned
		}
	}
	if r.Verdict == OK && x.nothingSeen() {
		r.Verdict = NotExamined
	}
	return r
}

// nothingSeen reports whether there are layers, none of which could be listed.
func (x *examination) nothingSeen() bool {
	return len(x.img.Layers) > 0 && slices.Contains(x.asked, true) && !slices.ContainsFunc(x.listings, func(l *Listing) bool { return l != nil })
}

// where names a path and what put it there, for a sentence.
func (x *examination) where(i int, path string) string {
	layer := x.img.Layers[i]
	text := fmt.Sprintf("%q", "/"+path)
	switch {
	case layer.Line > 0:
		return fmt.Sprintf("%s (%s:%d)", text, cmp.Or(layer.File, "Dockerfile"), layer.Line)
	case layer.Base:
		return text + " of the base image"
	}
	return text
}
