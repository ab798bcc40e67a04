package preflight

import (
	"errors"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Judge separates the findings. A finding that would refuse a build becomes the error of its platforms, by the index of targets, if all of
// them are optional. If there are other findings, they are returned as an [Error], and errs is nil. jobs are the plan's, as far as there is
// one.
func Judge(found []diag.Diagnostic, targets, optional []platform.Platform, jobs []plan.Job) (errs []error, _ error) {
	found = slices.DeleteFunc(slices.Clone(found), func(f diag.Diagnostic) bool { return !f.Refuses() })
	may := platform.FormatAll(optional)
	required := func(name string) bool { return !slices.Contains(may, name) }
	refused := slices.DeleteFunc(slices.Clone(found), func(f diag.Diagnostic) bool {
		return len(f.Platforms) > 0 && !slices.ContainsFunc(f.Platforms, required)
	})
	if len(refused) > 0 {
		return nil, &Error{Findings: refused}
	}
	if len(found) == 0 {
		return nil, nil
	}
	errs = make([]error, len(targets))
	for i, target := range targets {
		for _, f := range found {
			if !slices.Contains(f.Platforms, platform.Format(target)) {
				continue
			}
			errs[i] = f.Cause
			if cannot, ok := errors.AsType[*CannotRunError](f.Cause); ok {
				one := *cannot
				one.Platforms, one.Tests = plan.Plan{Jobs: jobs[i : i+1]}.Missing(), jobs[i].ForTests
				errs[i] = &one
			}
		}
	}
	return errs, nil
}
