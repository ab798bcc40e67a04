package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Partial says that a build is finished without some of its platforms. It is no failure of the build.
type Partial struct {
	missing   []solve.PlatformReport
	published bool // in a registry
}

// IsPartial tells whether the build is finished, and something is missing in its result.
func IsPartial(err error) bool {
	_, ok := errors.AsType[*Partial](err)
	return ok
}

// Error has a line for each reason, with the platforms that it is of.
func (p *Partial) Error() string {
	var reasons []string
	names := map[string][]string{}
	for _, m := range p.missing {
		why := m.Err.Error()
		if names[why] == nil {
			reasons = append(reasons, why)
		}
		names[why] = append(names[why], platform.Format(m.Platform))
	}
	lines := make([]string, len(reasons))
	for i, why := range reasons {
		lines[i] = fmt.Sprintf("%s without %s: %s", p.Verb(), strings.Join(names[why], ", "), why)
	}
	return strings.Join(lines, "\n")
}

// Verb is what was done all the same.
func (p *Partial) Verb() string {
	if p.published {
		return "Published"
	}
	return "Built"
}

// Unwrap gives the platforms' errors.
func (p *Partial) Unwrap() []error {
	errs := make([]error, len(p.missing))
	for i, m := range p.missing {
		errs[i] = m.Err
	}
	return errs
}

// Names are those of the platforms, with commas.
func (p *Partial) Names() string {
	names := make([]string, len(p.missing))
	for i, m := range p.missing {
		names[i] = platform.Format(m.Platform)
	}
	return strings.Join(names, ", ")
}

// WithoutSome is a partial if the report lacks platforms, else nil.
func WithoutSome(report solve.Report) error {
	if missing := report.Missing(); len(missing) > 0 {
		return &Partial{missing, len(report.Tags)+len(report.ByDigest) > 0}
	}
	return nil
}
