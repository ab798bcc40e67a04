package images

import (
	"context"

	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/internal/verify"
)

// examine has judge examine the executables of all images of the archive. Other contents of the archive are not examined.
func (a archivedImage) examine(ctx context.Context, judge tree.Examiner) error {
	if judge == nil {
		return nil
	}
	t, _, err := tree.Examine(ctx, a.root, a)
	if err != nil {
		return err
	}
	return judge(ctx, t.Images, a)
}

// ExaminerFor returns the examiner for a command's flags.
func ExaminerFor(w *cli.Env, o cli.GateOptions) (tree.Examiner, error) {
	options, err := o.Parse("verify")
	if err != nil {
		return nil, &cli.Usage{Err: err}
	}
	return examiner(w, options), nil
}

// examiner returns the function that examines finished images before they are listed or get a tag. It prints its findings about their
// executables, and refuses images that must not be published. It is nil if options is nil.
func examiner(w *cli.Env, options *gate.Options) tree.Examiner {
	if options == nil {
		return nil
	}
	e := verify.Executables{Options: *options, Cache: w.Listings()}
	return func(ctx context.Context, images []tree.Image, blobs content.Fetcher) error {
		results, err := e.Examine(ctx, images, blobs)
		if err != nil {
			return err
		}
		found := gate.Unmatched(results)
		for _, r := range results {
			found = append(found, r.Findings...)
		}
		findings.Print(w.Err, found)
		return verify.Refusal(results)
	}
}
