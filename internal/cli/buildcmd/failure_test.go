package buildcmd

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAFailedBuildLeavesNoFilesOfAnEarlierRunAndMovesNoTag(t *testing.T) {
	s := newHarness(t)
	s.Write("meta.json", "{}")
	s.Write("iid", "sha256:x")
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, "--metadata-file", "meta.json", "--iidfile", "iid", "."); status != 1 {
		t.Errorf("status %d", status)
	}
	for _, name := range []string{"meta.json", "iid"} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
	clitest.Contains(t, s.Err.String(), "No tag was moved.", "ERROR: linux/arm64: ", "exit code: 1")
	if s.Out.String() != "" || s.Tagged("app") != "" {
		t.Errorf("standard output %q; the tag names %q", s.Out.String(), s.Tagged("app"))
	}
}

func TestTheTableOfAFailedBuildSaysWhichPlatformFailed(t *testing.T) {
	s := newHarness(t)
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1")
		}
		return nil
	}
	if status := s.Command("build", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "."); status != 1 {
		t.Errorf("status %d", status)
	}
	_, answer, _ := strings.Cut(s.Normal(s.Err.String()), "PLATFORM")
	want := `  BUILD  VERIFY  SIZE  DIGEST
linux/amd64  native TIME  ok  445B  sha256:1
linux/arm64  emulated TIME  -  -  failed

No tag was moved.
ERROR: linux/arm64: exit code: 1
`
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARegistryThatTakesOnlyOneTagIsStatus4(t *testing.T) {
	s := newHarness(t)
	s.Faults.Add(faultregistry.Fault{Match: faultregistry.On("PUT", "/manifests/v2"), Do: faultregistry.Answer(403, "DENIED", "immutable")})
	if status := s.Command("build", "--push", "-t", "HOST/app:v1", "-t", "HOST/app:v2", "."); status != cli.ExitPush {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "(FAILED)", "Tags that were moved before: "+s.Host+"/app:v1", "ERROR: ", "DENIED")
	if s.Tagged("app:v1") == "" {
		t.Error("v1 was not pushed")
	}
}

func TestARegistryThatRefusesIsSaidBeforeAnythingIsBuilt(t *testing.T) {
	s := newHarness(t)
	s.Faults.Add(faultregistry.Fault{Do: faultregistry.Answer(403, "DENIED", "requested access is denied")})
	s.Connecting = func(ctx context.Context, o cli.ConnectOptions) error { return o.Permit(ctx) } // the command would have to make a builder
	start := time.Now()
	if status := s.Command("build", "--push", "-t", "HOST/app", "."); status != cli.ExitFailed || time.Since(start) > 4*time.Second {
		t.Errorf("status %d after %s", status, time.Since(start))
	}
	clitest.Contains(t, s.Err.String(), "ERROR: ", s.Host, "403 Forbidden", "requested access is denied")
	if strings.Contains(s.Err.String(), "interrupted") || len(s.Solves()) != 0 {
		t.Errorf("%d solves:\n%s", len(s.Solves()), s.Err.String())
	}
}

func TestAnEngineThatCannotBeReachedIsSaid(t *testing.T) {
	s := newHarness(t)
	s.Connecting = func(context.Context, cli.ConnectOptions) error {
		return errors.New("cannot connect to the Docker daemon")
	}
	if status := s.Command("build", "--push", "-t", "HOST/app", "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "ERROR: cannot connect to the Docker daemon")
	if strings.Contains(s.Err.String(), "PLATFORM") {
		t.Errorf("a table of nothing:\n%s", s.Err.String())
	}
}

func TestPlatformsThatCannotRunComeWithTheCommandsThatHelp(t *testing.T) {
	for emulators, why := range map[string]string{"auto": ": the engine is rootless", "never": ""} {
		s := newHarness(t)
		if status := s.Command("build", "--push", "-t", "HOST/app", "--platform", "linux/s390x,linux/riscv64,linux/amd64", "--emulators", emulators, "."); status != cli.ExitFailed {
			t.Errorf("status %d", status)
		}
		clitest.Contains(t, s.Err.String(), "cannot run programs for linux/riscv64, linux/s390x", "steps of the Dockerfile need that"+why, "Hint: docker multiarch emulators install linux/riscv64 linux/s390x", "$BUILDPLATFORM")
	}
}

// interruptedBy runs a build that stop ends while its steps run.
func interruptedBy(t *testing.T, stop func(cancel context.CancelFunc)) (*harness, int) {
	t.Helper()
	s := newHarness(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.Run = func(ctx context.Context, p platform.Platform) error {
		if p.Architecture != "arm64" {
			return nil
		}
		stop(cancel)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s, s.CommandIn(ctx, "build", "--push", "-t", "HOST/app", "--platform", clitest.ThreePlatforms, ".")
}

func TestAnInterruptedBuildMovesNoTagAndSaysSoInItsStatus(t *testing.T) {
	signal := func(sig syscall.Signal) func(context.CancelFunc) {
		return func(context.CancelFunc) {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(sig)
			}
		}
	}
	for name, tt := range map[string]struct {
		stop func(context.CancelFunc)
		want int
	}{
		"Ctrl-C":                    {signal(syscall.SIGINT), 130},
		"SIGTERM":                   {signal(syscall.SIGTERM), 143},
		"the Docker CLI cancels us": {func(cancel context.CancelFunc) { cancel() }, 130},
	} {
		t.Run(name, func(t *testing.T) {
			s, status := interruptedBy(t, tt.stop)
			if status != tt.want || s.Tagged("app") != "" {
				t.Errorf("status %d, want %d; the tag names %q", status, tt.want, s.Tagged("app"))
			}
			clitest.Contains(t, s.Err.String(), "interrupted\n", "No tag was moved.")
			if strings.Contains(s.Err.String(), "ERROR") {
				t.Errorf("an error too:\n%s", s.Err.String())
			}
		})
	}
}
