package smoke

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Outcome is the result of one test on one platform.
type Outcome struct {
	Test     string            `json:"test"`
	Platform platform.Platform `json:"-"`
	Passed   bool              `json:"passed"`
	// Exit is the program's status; -1 if it did not end by itself, or was never started.
	Exit    int     `json:"exit"`
	Seconds float64 `json:"seconds"` // in thousandths
	// Reason is why it has not passed: the expected and the actual value.
	Reason string `json:"reason,omitempty"`
	// Output is the end of the program's output, both streams as they came, bounded.
	Output string `json:"output,omitempty"`
}

// Result is the outcomes of several tests, in the order of platforms and, for each, of tests.
type Result struct{ Outcomes []Outcome }

// Failed returns the outcomes that have not passed.
func (r Result) Failed() []Outcome {
	var failed []Outcome
	for _, o := range r.Outcomes {
		if !o.Passed {
			failed = append(failed, o)
		}
	}
	return failed
}

// Err returns a [*FailedError] if not all have passed.
func (r Result) Err() error {
	if failed := r.Failed(); len(failed) > 0 {
		return &FailedError{failed}
	}
	return nil
}

// FailedError means that tests have failed, on one platform. There is at least one.
type FailedError struct{ Failed []Outcome }

func (e *FailedError) Error() string {
	lines := make([]string, len(e.Failed))
	for i, o := range e.Failed {
		lines[i] = fmt.Sprintf("test %q: %s", o.Test, o.Reason)
	}
	return strings.Join(lines, "\n  ")
}
