package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Partial is the error of a build that finished without some of its platforms. It does not mean that the build failed.
type Partial struct {
	missing   []solve.PlatformReport
	published bool // in a registry
}

// IsPartial reports whether the build finished without part of its result.
func IsPartial(err error) bool {
	_, ok := errors.AsType[*Partial](err)
	return ok
}

// Error returns a line for each reason, with its platforms.
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

// Verb returns what was done in spite of the error.
func (p *Partial) Verb() string {
	if p.published {
		return "Published"
	}
	return "Built"
}

// Unwrap returns the platforms' errors.
func (p *Partial) Unwrap() []error {
	errs := make([]error, len(p.missing))
	for i, m := range p.missing {
		errs[i] = m.Err
	}
	return errs
}

// Names returns the names of the platforms, with commas.
func (p *Partial) Names() string {
	names := make([]string, len(p.missing))
	for i, m := range p.missing {
		names[i] = platform.Format(m.Platform)
	}
	return strings.Join(names, ", ")
}

// WithoutSome returns a Partial if the report lacks platforms, else nil.
func WithoutSome(report solve.Report) error {
	if missing := report.Missing(); len(missing) > 0 {
		return &Partial{missing, len(report.Tags)+len(report.ByDigest) > 0}
	}
	return nil
}
