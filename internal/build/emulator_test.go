package build

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

var arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}

func said(words ...string) *symptoms {
	var s symptoms
	for _, w := range words {
		s.see(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: "sha256:1", Data: []byte(w)}}})
	}
	return &s
}

func TestAStepThatAnEmulatorBreaksIsTold(t *testing.T) {
	exit := func(code uint32) error {
		return &gatewaypb.ExitError{ExitCode: code, Err: errors.New("did not complete")}
	}
	for name, tt := range map[string]struct {
		seen    *symptoms
		mode    Mode
		err     error
		told    bool
		crashed bool
	}{
		"QEMU says that it crashed":               {seen: said("qemu: uncaught target signal 11 (Segmentation fault)"), mode: Emulated, err: exit(1), told: true, crashed: true},
		"it says so in two parts":                 {seen: said("qemu: uncaught tar", "get signal 4"), mode: Emulated, err: exit(1), told: true, crashed: true},
		"status 139 under emulation":              {seen: said(), mode: Emulated, err: exit(139), told: true, crashed: true},
		"status 139 as text":                      {seen: said(), mode: EmulatedBuilder, err: errors.New("process did not complete successfully: exit code: 139"), told: true, crashed: true},
		"status 139 of a native program":          {seen: said(), mode: Native, err: exit(139)},
		"status 1 under emulation":                {seen: said("make: error"), mode: Emulated, err: exit(1)},
		"status 1390":                             {seen: said(), mode: Emulated, err: errors.New("exit code: 1390")},
		"a program that does not start":           {seen: said("sh: ./x: Exec format error"), mode: Native, err: exit(126), told: true},
		"busybox takes it for a script":           {seen: said("/x: line 1: syntax error: unexpected word (expecting \")\")"), mode: Cross, err: exit(2), told: true},
		"the runtime says it":                     {seen: said(), mode: Emulated, err: errors.New("exec /bin/sh: exec format error"), told: true},
		"a crash that the step lived through":     {seen: said("uncaught target signal 6"), mode: Emulated},
		"a failure before the platform was begun": {seen: said(), err: exit(139)},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.seen.explained(arm64, tt.mode, tt.err)
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

// named is a clearing whose node knows the names after some time.
func named(after time.Duration) clearing {
	return clearing{env: Env{Node: Node{Emulators: func(ctx context.Context, _ ...platform.Platform) (map[string]string, error) {
		select {
		case <-time.After(after):
			return map[string]string{"arm64": "qemu 7.2.22"}, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}}}}
}

func TestTheReportNamesTheEmulatorsIfTheyAreKnownInTime(t *testing.T) {
	for after, want := range map[time.Duration]string{0: "qemu 7.2.22", namesWait / 2: "qemu 7.2.22", time.Hour: ""} {
		synctest.Test(t, func(t *testing.T) {
			plan := Plan{Jobs: []Job{{Platform: arm64, Mode: Emulated}}}
			cleared := clearance{names: named(after).names(t.Context(), plan)}
			began := time.Now()
			rep := cleared.nameEmulators(Report{Platforms: []PlatformReport{
				{Platform: arm64, Mode: Emulated, Err: &StepError{Err: errors.New("x")}}, {Platform: platform.Platform{OS: "linux", Architecture: "amd64"}, Mode: Native},
			}}, namesWait)
			if took := time.Since(began); took > namesWait {
				t.Errorf("it took %s", took)
			}
			if rep.Platforms[0].Emulator != want || rep.Platforms[1].Emulator != "" {
				t.Errorf("after %s: %+v", after, rep.Platforms)
			}
			if step, _ := errors.AsType[*StepError](rep.Platforms[0].Err); step.Emulator != want {
				t.Errorf("after %s the step's is %q", after, step.Emulator)
			}
		})
	}
}

func TestNobodyIsAskedForNamesWhenNothingIsEmulated(t *testing.T) {
	c := clearing{env: Env{Node: Node{Emulators: func(context.Context, ...platform.Platform) (map[string]string, error) {
		t.Error("asked")
		return nil, nil
	}}}}
	if c.names(t.Context(), Plan{Jobs: []Job{{Platform: arm64, Mode: Native}}}) != nil {
		t.Error("there is something to wait for")
	}
}
