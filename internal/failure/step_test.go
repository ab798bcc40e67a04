package failure

import (
	"errors"
	"testing"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}

func said(words ...string) *Symptoms {
	var s Symptoms
	for _, w := range words {
		s.Add(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: "sha256:1", Data: []byte(w)}}})
	}
	return &s
}

func TestAStepThatAnEmulatorBreaksIsTold(t *testing.T) {
	exit := func(code uint32) error {
		return &gatewaypb.ExitError{ExitCode: code, Err: errors.New("did not complete")}
	}
	for name, tt := range map[string]struct {
		seen    *Symptoms
		mode    plan.Mode
		err     error
		told    bool
		crashed bool
	}{
		"QEMU says that it crashed":               {seen: said("qemu: uncaught target signal 11 (Segmentation fault)"), mode: plan.Emulated, err: exit(1), told: true, crashed: true},
		"it says so in two parts":                 {seen: said("qemu: uncaught tar", "get signal 4"), mode: plan.Emulated, err: exit(1), told: true, crashed: true},
		"status 139 under emulation":              {seen: said(), mode: plan.Emulated, err: exit(139), told: true, crashed: true},
		"status 139 as text":                      {seen: said(), mode: plan.EmulatedBuilder, err: errors.New("process did not complete successfully: exit code: 139"), told: true, crashed: true},
		"status 139 of a native program":          {seen: said(), mode: plan.Native, err: exit(139)},
		"status 1 under emulation":                {seen: said("make: error"), mode: plan.Emulated, err: exit(1)},
		"status 1390":                             {seen: said(), mode: plan.Emulated, err: errors.New("exit code: 1390")},
		"a program that does not start":           {seen: said("sh: ./x: Exec format error"), mode: plan.Native, err: exit(126), told: true},
		"busybox takes it for a script":           {seen: said("/x: line 1: syntax error: unexpected word (expecting \")\")"), mode: plan.Cross, err: exit(2), told: true},
		"the runtime says it":                     {seen: said(), mode: plan.Emulated, err: errors.New("exec /bin/sh: exec format error"), told: true},
		"a crash that the step lived through":     {seen: said("uncaught target signal 6"), mode: plan.Emulated},
		"a failure before the platform was begun": {seen: said(), err: exit(139)},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.seen.Explain(plan.Job{Platform: arm64, Mode: tt.mode, Emulator: "qemu 7.2.22"}, tt.err)
			step, told := errors.AsType[*StepError](err)
			if told != tt.told || told && step.Crashed != tt.crashed {
				t.Errorf("got %#v", err)
			}
			if told && (err.Error() != tt.err.Error() || !errors.Is(err, tt.err)) {
				t.Errorf("the step's own error is lost: %v", err)
			}
		})
	}
}
