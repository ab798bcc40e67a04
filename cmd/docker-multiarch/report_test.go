package main

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// reported is a report as it is in the file, without what differs from run to run.
func (s *stage) reported(name string) string {
	s.T.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		s.T.Fatalf("%v\n%s", err, s.Err.String())
	}
	return regexp.MustCompile(`\d+\.\ds\b`).ReplaceAllString(s.Normal(string(data)), "TIME")
}

func TestTheReportOfABuildIsMarkdown(t *testing.T) {
	s := newStage(t)
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
	if diff := cmp.Diff(want, s.reported("report.md")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedBuildHasAReportToo(t *testing.T) {
	s := newStage(t)
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
	if diff := cmp.Diff(want, s.reported("report.md")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABuildThatDoesNotBeginHasAReportToo(t *testing.T) {
	s := newStage(t)
	s.Connecting = func(context.Context, cli.ConnectOptions) error {
		return errors.New("cannot connect to the Docker daemon")
	}
	if status := s.Command("build", "--push", "-t", "HOST/app", "--report", "report.md", "."); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.reported("report.md"), "### Failed: `HOST/app:latest`", "cannot connect to the Docker daemon")
}

func TestTheReportIsAddedToGitHubsSummary(t *testing.T) {
	s := newStage(t)
	s.Vars[stepSummary] = "summary"
	s.Write("summary", "before\n")
	if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "--report", "report.md", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if got, want := s.reported("summary"), "before\n"+s.reported("report.md")+"\n"; got != want {
		t.Errorf("the summary:\n%s\nnot\n%s", got, want)
	}
}

func TestASummaryThatCannotBeWrittenIsAWarning(t *testing.T) {
	for name, content := range map[string]string{"nowhere/summary": "", "full": strings.Repeat("x", summaryLimit-10)} {
		s := newStage(t)
		s.Vars[stepSummary] = name
		if content != "" {
			s.Write(name, content)
		}
		if status := s.Command("build", "-q", "--push", "-t", "HOST/app", "."); status != 0 {
			t.Errorf("%s: status %d:\n%s", name, status, s.Err.String())
		}
		clitest.Contains(t, s.Err.String(), "warning: the summary could not be written", stepSummary)
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
			s := newStage(t)
			if status := s.Command(append([]string{"build", "--push", "-t", "HOST/app", "."}, tt.args...)...); status != cli.ExitUsage || s.Connects > 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), tt.want)
		})
	}
}

func TestAReportGoesToStandardOutput(t *testing.T) {
	s := newStage(t)
	if status := s.Command("build", "--push", "-t", "HOST/app", "--report", "-", "."); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	if got := s.Normal(s.Out.String()); !strings.HasPrefix(got, "### Published: `HOST/app:latest`\n") {
		t.Errorf("standard output:\n%s", got)
	}
}

func TestAReportIsNeverTooLongForAComment(t *testing.T) {
	o := outcome{err: errors.New(strings.Repeat("<", 100_000)), failures: strings.Repeat("&", 100_000)}
	text := o.markdown()
	if len(text) > 65_536 {
		t.Errorf("%d bytes", len(text))
	}
	clitest.Contains(t, text, "### Failed", "parts of it are left out")
}

func TestWhatComesFromOutsideIsNoMarkup(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64":      "`linux/amd64`",
		"a|b":              "<code>a&#124;b</code>",
		"`x`":              "<code>&#96;x&#96;</code>",
		"</code>":          "<code>&#60;/code&#62;</code>",
		"a\nb\x1b[31m":     "<code>a b\uFFFD&#91;31m</code>",
		"\u202egpj.exe":    "<code>\uFFFDgpj.exe</code>",
		"*":                "<code>&#42;</code>",
		"":                 "<code></code>",
		"app@sha256:12":    "`app@sha256:12`",
		"@you":             "<code>&#64;<!-- -->you</code>",
		"\xff":             "<code>\uFFFD</code>",
		"a\\|b":            "<code>a&#92;&#124;b</code>",
		"echo \"$(x)\" #1": "<code>echo \"&#36;(x)\" &#35;<!-- -->1</code>",
	} {
		if got := mdCode(in); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
	if got, want := mdDetails("t</summary>", "a</pre>\r\n\n\x1b[1mb\tc|`@\r\n"), "<details><summary><code>t&lt;/summary&gt;</code></summary>\n\n<pre>\na&lt;/pre&gt;\n\nb    c|`@\n</pre>\n\n</details>\n"; got != want {
		t.Errorf("%q\nnot\n%q", got, want)
	}
}

func TestHeadlinesSayWhatCameOfIt(t *testing.T) {
	begun := solve.Report{Platforms: []solve.PlatformReport{{Mode: "native"}}}
	for want, o := range map[string]outcome{
		"Built: an image without a name":                    {report: begun},
		"Stopped: an image without a name":                  {report: begun, err: context.Canceled},
		"Built, but not published: an image without a name": {report: begun, err: &index.PushError{Err: errors.New("403")}},
	} {
		if got := o.headline(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
