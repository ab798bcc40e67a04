package buildcmd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestReportedStepsMatchTheDefinitionSentToBuildKit(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want solve.Steps
	}{
		"nothing":                    {nil, solve.Steps{}},
		"a cgroup":                   {[]string{"--cgroup-parent", "/mine"}, solve.Steps{CgroupParent: "/mine"}},
		"shared memory":              {[]string{"--shm-size", "128m"}, solve.Steps{ShmSize: 128 << 20}},
		"ulimits, the last one wins": {[]string{"--ulimit", "nofile=1:2", "--ulimit", "core=3", "--ulimit", "nofile=5:6"}, solve.Steps{Ulimits: []string{"core=3:3", "nofile=5:6"}}},
		"limits": {
			[]string{"--resource", "memory=2g", "--resource", "memory-swap=-1", "--resource", "cpuset-cpus=0,1", "--resource", "cpu-quota=50000"},
			solve.Steps{Limits: map[string]string{"memory": "2147483648", "memswap": "-1", "cpusetcpus": "0,1", "cpuquota": "50000"}},
		},
		"limits as docker build had them, and the newer words win": {
			[]string{"-m", "1g", "-c", "512", "--cpuset-mems", "0", "--resource", "memory=2g"},
			solve.Steps{Limits: map[string]string{"memory": "2147483648", "cpushares": "512", "cpusetmems": "0"}},
		},
		"no limit":     {[]string{"--resource", "memory=0", "--resource", "cpu-shares=0"}, solve.Steps{}},
		"stages":       {[]string{"--no-cache-filter", "a,b", "--no-cache-filter", "c"}, solve.Steps{NoCache: []string{"a", "b", "c"}}},
		"entitlements": {[]string{"--allow", "security.insecure", "--allow", "device=vendor.com/x=all", "--allow", buildflags.LocalDelete}, solve.Steps{Entitlements: []string{"security.insecure", "device=vendor.com/x=all"}}},
	} {
		o := parsed(t, append(tt.args, ".")...)
		got, err := o.steps.Steps(false)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
}

// refusesAtOnce checks that wrong flags are refused before anything is done.
func refusesAtOnce(t *testing.T, cases map[string][2]string) {
	t.Helper()
	for args, want := range cases {
		s := newHarness(t)
		all := append([]string{"build", "--push", "-t", "HOST/app"}, append(strings.Fields(args), want[1], ".")...)
		if want[1] == "" {
			all = append(all[:len(all)-2], ".")
		}
		if status := s.Command(all...); status != cli.ExitUsage || s.Connects != 0 || len(s.Faults.Requests()) != 0 {
			t.Errorf("%s: status %d, %d connections, requests %v", args, status, s.Connects, s.Faults.Requests())
		}
		clitest.Contains(t, s.Err.String(), want[0])
	}
}

func TestMalformedSettingsOfStepsAreRefusedAtOnce(t *testing.T) {
	refusesAtOnce(t, map[string][2]string{
		"--shm-size lots":                            {`--shm-size "lots" is not a size`, ""},
		"--ulimit nofile":                            {`--ulimit "nofile": `, ""},
		"--ulimit nofile=5:3":                        {`--ulimit "nofile=5:3": `, ""},
		"--resource memory":                          {`--resource "memory" is not of the form KEY=VALUE`, ""},
		"--resource disk=1g":                         {`--resource "disk=1g": unknown key "disk": use one of memory, memory-swap`, ""},
		"--resource memory=x":                        {`--resource "memory=x": invalid value "x"`, ""},
		"-m x":                                       {`--resource "memory=x": invalid value "x"`, ""},
		"--allow root":                               {`--allow "root": unknown entitlement root: use one of network.host`, ""},
		"--allow buildx.local.delete=x":              {"takes no value", ""},
		"--no-cache --no-cache-filter a":             {"--no-cache and --no-cache-filter cannot be used together", ""},
		"--no-cache-filter":                          {`--no-cache-filter "a,": a stage name is empty`, "a,"},
		"--policy filename=x.rego":                   {"--policy is not supported: only docker buildx can evaluate Rego policies", ""},
		"--build-arg BUILDKIT_SYNTAX=":               {"BUILDKIT_SYNTAX= is empty", ""},
		"--build-context UPPER=.":                    {`--build-context "UPPER": `, ""},
		"--add-host a:host-gateway,nonsense":         {`--add-host "nonsense" is not of the form host:ip`, ""},
		"-f http://127.0.0.1:9/Dockerfile":           {`the Dockerfile "http://127.0.0.1:9/Dockerfile" cannot be downloaded`, ""},
		"--platform linux/amd64 -f linux/amd64:none": {`there is no Dockerfile at "none"`, ""},
	})
}

func TestAcceptedFlagsDoNothingAndSomeSaySo(t *testing.T) {
	s := newHarness(t)
	status := s.Command("b", "--push", "-t", "HOST/app", "--compress", "--rm=false", "--force-rm", "--isolation", "default", "--security-opt", "a", "--squash", ".")
	if status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	clitest.Contains(t, s.Err.String(), "warning: isolation flag is deprecated with BuildKit.", `warning: security-opt flag is deprecated. "RUN --security=insecure"`,
		"warning: experimental flag squash is removed with BuildKit.")
}

func TestTheEnginesGatewayIsPutInAfterTheBuilderIsThere(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--add-host", "me:host-gateway", "--add-host", "you:1.2.3.4", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if got := s.Readings(s.Solves()[0].Platform)[0].FrontendOpt["add-hosts"]; got != "me=192.0.2.1,you=1.2.3.4" {
		t.Errorf("hosts %q", got)
	}
}

func TestTestsThatMakeNoSenseAreRefusedAtOnce(t *testing.T) {
	refusesAtOnce(t, map[string][2]string{
		"--platform linux/amd64 --test linux/arm64:true": {`--test "linux/arm64:true": linux/arm64 is not one of the requested platforms`, ""},
		"--test linux/arm64:true":                        {"linux/arm64 is not a requested platform: add --platform", ""},
		"--test 'x":                                      {`"'x" cannot be split into words`, ""},
		"--test x --test x":                              {`--test "x": there are two tests "x"`, ""},
		"--test-file none.yaml":                          {"--test-file: open none.yaml: no such file or directory", ""},
	})
}
