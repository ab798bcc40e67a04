package buildcmd

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestTheReportOfABuildIsMarkdown(t *testing.T) {
	s := newHarness(t)
	s.Write("report.md", "of an earlier run")
	args := []string{"build", "-q", "--push", "-t", "HOST/app:v1", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm/v7", "--report", "report.md", "."}
	if status := s.Command(args...); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	want := "### Published: `HOST/app:v1`, `HOST/app:latest`\n" + `
| Platform | Build | Verify | Size | Digest |
| --- | --- | --- | --- | --- |
` + "| `linux/amd64` | native TIME | ok | 445B | `sha256:1` |\n" +
		"| `linux/arm/v7` | emulated (builder) TIME | ok | 459B | `sha256:2` |\n" + `
| Tag | Digest |  |
| --- | --- | --- |
` + "| `HOST/app:v1` | `sha256:3` |  |\n" +
		"| `HOST/app:latest` | `sha256:3` |  |\n"
	if diff := cmp.Diff(want, clitest.Reported(s.Harness, "report.md")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedBuildHasAReportToo(t *testing.T) {
	s := newHarness(t)
	s.Run = func(_ context.Context, p platform.Platform) error {
		if p.Architecture == "arm64" {
			return errors.New("exit code: 1 </pre> | `x` @you")
		}
		return nil
	}
	args := []string{"build", "-q", "--push", "-t", "HOST/app", "--platform", "linux/amd64,linux/arm64", "--report", "report.md", "."}
	if status := s.Command(args...); status != cli.ExitFailed {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	want := "### Failed: `HOST/app:latest`\n" + `
| Platform | Build | Verify | Size | Digest |
| --- | --- | --- | --- | --- |
` + "| `linux/amd64` | native TIME | ok | 445B | `sha256:1` |\n" +
		"| `linux/arm64` | emulated TIME | - | - | failed |\n" + `
<pre>
linux/arm64: exit code: 1 &lt;/pre&gt; | ` + "`x`" + ` @you
</pre>

No tag was moved.
`
	if diff := cmp.Diff(want, clitest.Reported(s.Harness, "report.md")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABuildThatDoesNotBeginHasAReportToo(t *testing.T) {
	s := newHarness(t)
	s.Connecting = func(context.Context, cli.ConnectOptions) error {
		return errors.New("cannot connect to the Docker daemon")
	}
	if status := s.Command("build", "--push", "-t", "HOST/app", "--report", "report.md", "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, clitest.Reported(s.Harness, "report.md"), "### Failed: `HOST/app:latest`", "cannot connect to the Docker daemon")
}

func TestTheReportIsAddedToGitHubsSummary(t *testing.T) {
	s := newHarness(t)
	s.Vars["GITHUB_STEP_SUMMARY"] = "summary"
	s.Write("summary", "before\n")
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--report", "report.md", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if got, want := clitest.Reported(s.Harness, "summary"), "before\n"+clitest.Reported(s.Harness, "report.md")+"\n"; got != want {
		t.Errorf("the summary:\n%s\nnot\n%s", got, want)
	}
}

func TestASummaryThatCannotBeWrittenIsAWarning(t *testing.T) {
	for name, content := range map[string]string{"nowhere/summary": "", "full": strings.Repeat("x", 1<<20-10)} {
		s := newHarness(t)
		s.Vars["GITHUB_STEP_SUMMARY"] = name
		if content != "" {
			s.Write(name, content)
		}
		if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "."); status != 0 {
			t.Errorf("%s: status %d:\n%s", name, status, s.Err.String())
		}
		clitest.Contains(t, s.Err.String(), "warning: the summary could not be written", "GITHUB_STEP_SUMMARY")
		if data, _ := os.ReadFile(name); string(data) != content {
			t.Errorf("%s has %d bytes now", name, len(data))
		}
	}
}

func TestAReportThatCannotBeWrittenIsSaidBeforeTheBuild(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no folder":                    {[]string{"--report", "nowhere/r.md"}, "--report: "},
		"a folder":                     {[]string{"--report", "."}, "is a directory"},
		"standard output is taken":     {[]string{"--report", "-", "-q"}, "-q and --report -"},
		"standard output is an output": {[]string{"--report", "-", "-o", "type=oci,dest=-"}, "--output and --report -"},
		"a file of another flag":       {[]string{"--report", "./meta.json", "--metadata-file", "meta.json"}, "--metadata-file and --report would both be written"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			if status := s.Command(append([]string{"build", "--push", "-t", "HOST/app", "."}, tt.args...)...); status != cli.ExitUsage || s.Connects > 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), tt.want)
		})
	}
}

func TestAReportGoesToStandardOutput(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "--push", "-t", "HOST/app", "--report", "-", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if got := s.Normal(s.Out.String()); !strings.HasPrefix(got, "### Published: `HOST/app:latest`\n") {
		t.Errorf("standard output:\n%s", got)
	}
}
