package results

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestTheReportHasEachTestOnEachPlatformAndTheEndsOfFailedOnes(t *testing.T) {
	amd, arm := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "arm64"}
	o := Outcome{Report: solve.Report{Platforms: []solve.PlatformReport{
		{Platform: amd, Mode: plan.Native, Tests: []smoke.Outcome{{Test: "app | version", Platform: amd, Passed: true, Seconds: 0.31}}},
		{Platform: arm, Mode: plan.Native, Tests: []smoke.Outcome{
			{Test: "app | version", Platform: arm, Seconds: 1.5, Reason: "exit status 1, expected 0", Output: strings.Repeat("early\n", 5000) + "the </pre> end"},
			{Test: "only here", Platform: arm, Passed: true},
		}},
	}}}
	got := o.tests()
	want := "| Test | `linux/amd64` | `linux/arm64` |\n| --- | --- | --- |\n| <code>app &#124; version</code> | passed 0.3s | **failed** 1.5s |\n" +
		"| `only here` | - | passed 0.0s |\n\n<details><summary><code>app | version on linux/arm64: exit status 1, expected 0</code></summary>\n\n<pre>\n…\nearly\n"
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "early\nthe &lt;/pre&gt; end\n</pre>\n\n</details>\n") || len(got) > 4000 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestAReportIsNeverTooLongForAComment(t *testing.T) {
	o := Outcome{Err: errors.New(strings.Repeat("<", 100_000)), Failures: strings.Repeat("&", 100_000)}
	text := o.markdown()
	if len(text) > 65_536 {
		t.Errorf("%d bytes", len(text))
	}
	clitest.Contains(t, text, "### Failed", "parts of it are left out")
}

func TestTextFromOutsideIsEscapedInMarkdown(t *testing.T) {
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

func TestHeadlinesStateTheOutcome(t *testing.T) {
	begun := solve.Report{Platforms: []solve.PlatformReport{{Mode: "native"}}}
	for want, o := range map[string]Outcome{
		"Built: an image without a name":                    {Report: begun},
		"Stopped: an image without a name":                  {Report: begun, Err: context.Canceled},
		"Built, but not published: an image without a name": {Report: begun, Err: &index.PushError{Err: errors.New("403")}},
	} {
		if got := o.headline(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
