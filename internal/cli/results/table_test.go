package results

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestCellsShowTheOutcomeOfAPlatform(t *testing.T) {
	warnings := []diag.Diagnostic{{Severity: diag.Warning}, {Severity: diag.Warning}, {Severity: diag.Note}}
	passed, failed := smoke.Outcome{Passed: true}, smoke.Outcome{}
	for want, p := range map[string]solve.PlatformReport{
		"native 1.2s|ok|3 passed":                           {Mode: plan.Native, Seconds: 1.24, Verify: gate.Result{Verdict: gate.OK, BaseExamined: true}, Tests: []smoke.Outcome{passed, passed, passed}},
		"cross, tried twice, 187s|2 warnings|1 of 2 failed": {Mode: plan.Cross, Seconds: 187.4, Retries: 1, Verify: gate.Result{Verdict: gate.Warned, BaseExamined: true, Findings: warnings}, Tests: []smoke.Outcome{passed, failed}},
		"cross, tried 3 times, 0.0s|base not examined|":     {Mode: plan.Cross, Retries: 2, Verify: gate.Result{Verdict: gate.OK}},
		"native 0.0s|2 warnings, base not examined|":        {Mode: plan.Native, Verify: gate.Result{Verdict: gate.Warned, Findings: warnings}},
		"emulated (qemu 7.2.22) 3.0s|refused|":              {Mode: plan.Emulated, Emulator: "qemu 7.2.22", Seconds: 3, Verify: gate.Result{Verdict: gate.Refused}},
		"native 0.0s|not examined|":                         {Mode: plan.Native, Verify: gate.Result{Verdict: gate.NotExamined}},
		"native 0.0s||":                                     {Mode: plan.Native, Verify: gate.Result{Verdict: gate.NotAsked}},
		"||":                                                {},
	} {
		if got := buildCell(p) + "|" + verifyCell(p) + "|" + testCell(p); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
