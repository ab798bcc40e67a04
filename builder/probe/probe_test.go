package probe

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	controlapi "github.com/moby/buildkit/api/services/control"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// machine is a BuildKit whose machine runs the probe programs of some architectures.
type machine struct {
	runs map[string]error // by architecture: why its program fails
}

func (m machine) Solve(ctx context.Context, req *controlapi.SolveRequest, _ ...grpc.CallOption) (*controlapi.SolveResponse, error) {
	if !req.Internal || req.Ref == "" || len(req.Exporters) > 0 {
		return nil, errors.New("a probe is no build of the user's")
	}
	arch, err := probed(req.Definition)
	if err != nil {
		return nil, err
	}
	if err := m.runs[arch]; errors.Is(err, errHangs) {
		<-ctx.Done()
		return nil, ctx.Err()
	} else if err != nil {
		return nil, err
	}
	return &controlapi.SolveResponse{}, ctx.Err()
}

var errHangs = errors.New("its emulator never ends")

// probed returns the architecture whose probe program a definition runs, and nothing else.
func probed(def *pb.Definition) (arch string, err error) {
	var file *pb.FileActionMkFile
	for _, dt := range def.Def {
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return "", err
		}
		switch {
		case op.GetFile() != nil:
			file = op.GetFile().Actions[0].GetMkfile()
		case op.GetExec() != nil:
			e := op.GetExec()
			if e.Network != pb.NetMode_NONE || len(e.Mounts) != 1 || strings.Join(e.Meta.Args, " ") != "/probe" {
				return "", errors.New("the step is more than its program")
			}
			arch = op.Platform.Architecture
		case op.GetSource() != nil:
			return "", errors.New("a probe fetches nothing")
		}
	}
	a, ok := emulation.Lookup(arch)
	if !ok || file == nil || file.Path != "/probe" || file.Mode != 0o755 || !bytes.Equal(file.Data, a.Program()) {
		return "", errors.New("the program is not that of " + arch)
	}
	ignored := false
	for _, m := range def.Metadata {
		ignored = ignored || m.IgnoreCache
	}
	if !ignored {
		return "", errors.New("an old answer may come from the cache")
	}
	return arch, nil
}

var amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}

func TestTheInspectedCommandIsTheExecutedOne(t *testing.T) {
	t.Parallel()
	exit := &gatewaypb.ExitError{ExitCode: 1, Err: errors.New("exit code: 1")}
	m := machine{runs: map[string]error{
		"amd64": errors.New("its own program is not tried"), "riscv64": exit, "s390x": errors.New("failed to start: exec format error"), "mips64": exit, "mips64le": exit, "loong64": exit, "ppc64le": exit,
	}}
	st, err := Solve(t.Context(), m, []platform.Platform{amd64, {OS: "linux", Architecture: "386"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]emulation.Mode{"amd64": emulation.Native, "386": emulation.Native, "arm64": emulation.Emulated, "arm": emulation.Emulated}
	for _, a := range emulation.Archs() {
		if got := st.Mode(platform.Platform{OS: "linux", Architecture: a.Name}); got != want[a.Name] {
			t.Errorf("%s: %s", a.Name, got)
		}
	}
	err = st.Require(emulation.Builder, platform.Platform{OS: "linux", Architecture: "riscv64"})
	if err == nil || !strings.Contains(err.Error(), "there is no shell beside BuildKit") {
		t.Errorf("why not: %v", err)
	}
	if s, _ := st.Arch("s390x"); s.Ran || s.ExitStatus != 126 {
		t.Errorf("a program that does not start: %+v", s)
	}
}

func TestOnlyRequestedArchitecturesAreProbed(t *testing.T) {
	t.Parallel()
	m := machine{runs: map[string]error{"amd64": errors.New("nobody asked")}}
	st, err := Solve(t.Context(), m, []platform.Platform{amd64}, platform.Platform{OS: "linux", Architecture: "arm64"}, platform.Platform{OS: "windows", Architecture: "amd64"})
	if err != nil || len(st.Archs) != 1 || st.Archs[0].Arch != "arm64" {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestAProbeThatFailsSaysNothingOfPlatforms(t *testing.T) {
	t.Parallel()
	gone := errors.New("the connection broke")
	_, err := Solve(t.Context(), machine{runs: map[string]error{"arm64": gone}}, []platform.Platform{amd64})
	if !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "probe what BuildKit runs: ") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Solve(ctx, machine{}, []platform.Platform{amd64}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Solve(t.Context(), machine{}, nil); err == nil {
		t.Error("a BuildKit that runs nothing itself is taken")
	}
}

func TestANodeThatIsTooBusyToRunItsOwnProgramSaysNothingOfPlatforms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, err := Solve(t.Context(), machine{runs: map[string]error{"amd64": errHangs, "arm64": errHangs}}, []platform.Platform{amd64})
		if err == nil || !strings.Contains(err.Error(), "too busy") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnEmulatorThatHangsRunsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st, err := Solve(t.Context(), machine{runs: map[string]error{"arm64": errHangs}}, []platform.Platform{amd64})
		if s, _ := st.Arch("arm64"); err != nil || s.Ran || s.ExitStatus != 124 {
			t.Errorf("%+v, %v", s, err)
		}
		if s, _ := st.Arch("arm"); !s.Ran {
			t.Error("others are not waited for")
		}
	})
}
