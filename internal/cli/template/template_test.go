package template_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/templates"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/template"
)

// values have each kind of field that the program's answers have.
type values struct {
	Name    string
	Count   int
	Ratio   float64
	OK      bool
	Digest  digest.Digest
	At      time.Time
	Since   *time.Time
	Took    time.Duration
	Words   []string
	Labels  map[string]string
	Nodes   []node
	First   *node
	None    *node
	Any     any
	ByName  map[string]node
	private int
	node
}

type node struct {
	Title     string
	Platforms []string
}

var value = func() values {
	at := time.Unix(1700000000, 0).UTC()
	n := node{"a<b>", []string{"linux/amd64", "linux/arm64"}}
	return values{
		Name: "größe app", Count: 3, Ratio: 0.5, OK: true, Digest: digest.FromString("x"), At: at, Since: &at, Took: time.Minute, Words: []string{"x", "y"},
		Labels: map[string]string{"b": "2", "a": "1"}, Nodes: []node{n, {}}, First: &n, Any: []int{1, 2}, ByName: map[string]node{"n": n}, private: 1, node: n,
	}
}()

// headings are those of a table of values.
var headings = map[string]string{"Name": "NAME", "Count": "COUNT", "Title": "TITLE", "Words": "WORDS", "Digest": "DIGEST"}

// formats are templates, right and wrong. Each is read and executed as the Docker CLI does it.
var formats = []string{
	"", "text", "json", "{{json .}}", "{{.}}", "{{.Name}}", `{{.Name}}\t{{.Count}}\n`, " {{.Name}} ", "{{.name}}", "{{.private}}", "{{.Nothing}}", "{{.Title}}",
	"{{.Digest}}{{.At}}{{.Since}}{{.Took}}{{.Ratio}}{{.OK}}{{.None}}{{.Any}}{{.Labels}}{{.Words}}{{.Nodes}}",
	"{{json .At}} {{json .Labels}} {{json .Nodes}} {{json .None}} {{.First.Title | json}}",
	`{{split .Name " "}} {{join .Words ", "}} {{join .Labels ","}} {{join .Any "-"}} {{join .None ","}}`, `{{join .Name ","}}`, `{{join nil ","}}`,
	"{{title .Name}}{{lower .Name}}{{upper .Name}}{{pad .Name 2 1}}{{pad \"\" 2 1}}{{truncate .Name 3}}{{truncate .Name 100}}", "{{truncate .Name -1}}",
	"{{range .Nodes}}{{.Title}},{{end}}", "{{range $i, $n := .Nodes}}{{$i}}={{$n.Title}};{{end}}", "{{range .None}}x{{end}}", "{{range $k, $v := .Labels}}{{$k}}{{$v}}{{end}}",
	"{{range .Words}}{{if eq . \"y\"}}{{break}}{{end}}{{.}}{{end}}", "{{range .Words}}{{if eq . \"x\"}}{{continue}}{{end}}{{.}}{{else}}none{{end}}", "{{range 3}}{{.}}{{end}}",
	"{{range .First.Platforms}}{{else}}none{{end}}{{range .Nothing}}{{end}}", "{{range .Count}}{{.}} {{end}}", "{{range .Name}}{{.}}{{end}}", "{{range .OK}}{{end}}",
	"{{if .OK}}a{{else if .Count}}b{{else}}c{{end}}", "{{if and .OK (gt .Count 2) (not .None)}}y{{end}}", "{{if or .None .Name}}y{{end}}", "{{if lt .Count 2.5}}y{{end}}",
	"{{with .First}}{{.Title}}{{end}}", "{{with .None}}x{{else with .First}}{{.Title}}{{else}}y{{end}}", "{{with $x := .Count}}{{$x}}{{$.Name}}{{end}}",
	"{{$a := 1}}{{$a = 2}}{{$a}}", "{{$undefined}}", "{{.First.Title}}{{.ByName.n.Title}}{{.ByName.m.Title}}{{.Labels.a}}{{.Labels.z}}", "{{.None.Title}}", "{{.Name.Title}}",
	"{{index .Labels \"a\"}}{{index .Words 1}}{{(index .Nodes 0).Title}}", "{{index .Words 5}}", "{{index .Words \"a\"}}", "{{index .Name 0}}", "{{index .None 0}}",
	"{{len .Words}}{{len .Labels}}{{len .Name}}", "{{len .Count}}", "{{slice .Name 1 3}}{{slice .Words 1}}", "{{slice .Words 9}}", "{{slice .Count 1}}",
	"{{printf \"%5d|%-8s|%v|%q\" .Count .OK .Words .Name}}", "{{print 1 2 \"a\" \"b\"}}{{println .Count}}", "{{html .First.Title}}{{js .First.Title}}{{urlquery .Name}}",
	"{{eq .Count 1 2 3}}{{ne .Name \"x\"}}{{le .Ratio 0.5}}{{ge .Count 3}}{{eq .Words .Words}}", "{{eq .Count \"x\"}}", "{{eq .None nil}}", "{{lt .OK true}}", "{{eq .Digest \"x\"}}",
	"{{.Name | upper | printf \"%s-%s\" \"a\"}}", "{{1 | 2}}", "{{nil}}", "{{true}}{{'a'}}{{0x1F}}{{1e3}}{{1i}}{{\"q\\\"\"}}{{`raw`}}", "{{99999999999999999999}}", "{{.Count | printf}}",
	"{{define \"t\"}}[{{.}}]{{end}}{{template \"t\" .Count}}{{template \"t\"}}", "{{template \"missing\"}}", "{{block \"b\" .First}}{{.Title}}{{end}}",
	"{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}", "{{- .Count -}}  x  {{- /* comment */ -}}  y", "{{/* only */}}", "{{.Count 1}}", "{{.Words 1}}", "{{(.Count) 1}}",
	"{{call .Name}}", "{{call .None}}", "{{call upper}}", "{{upper 1}}", "{{upper}}", "{{upper .Name .Name}}", "{{upper nil}}", "{{nothing .}}", "{{.Any.x}}", "{{.At.wall}}",
	"{{", "{{.Name", "}}", "{{end}}", "{{if}}{{end}}", "{{if .OK}}", "{{else}}", "{{break}}", "{{range}}{{end}}", "{{.Name}", "{{\"}}", "{{.}}{{..}}", "{{$}}", "{{%}}", "{{template}}",
	"table {{.Name}}\t{{.Count}}", `table {{.Name}}\t{{upper .Title}}\t{{json .Words}}`, "table{{.Name}}", "table", "table {{.Nothing}}", "table {{.Ratio}}", "table {{truncate .Name 2}}\t{{pad .Name 1 1}}",
	"table {{range .Words}}{{.}}{{end}}\t{{.Name}}", "table {{join .Words \",\"}}\t{{split .Name \" \"}}\t{{lower .Name}}\t{{title .Name}}", "table {{len .Words}}", "table {{", "tablex {{.Name}}",
}

func FuzzTemplatesMeanWhatTheyMeanForTheDockerCLI(f *testing.F) {
	for _, format := range formats {
		f.Add(format)
	}
	f.Fuzz(func(t *testing.T, format string) {
		if strings.Count(format, "{{template") > 1 && !strings.Contains(format, "missing") || tooLarge.MatchString(format) {
			return // two calls of one template may take for ever, and large numbers all memory
		}
		checkRows(t, format)
		checkOne(t, format)
	})
}

// shown is a value as a row of the Docker CLI's formatter.
type shown struct {
	formatter.HeaderContext `json:"-"`
	values
}

// checkRows compares the output of two rows with that of the Docker CLI's formatter. It prints no headings where those cannot be printed.
func checkRows(t *testing.T, format string) {
	t.Helper()
	var got, want bytes.Buffer
	err := template.Rows(&got, format, headings, []*shown{{values: value}, {values: value}})
	peer := formatter.Context{Output: &want, Format: formatter.Format(format)}
	peerErr := peer.Write(&formatter.HeaderContext{Header: formatter.SubHeaderContext(headings)}, func(row func(formatter.SubContext) error) error {
		for range 2 {
			if err := row(&shown{values: value}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && peerErr == nil && template.IsTable(format) {
		return
	}
	compare(t, format, got.String(), err, want.String(), peerErr)
}

// checkOne compares the output of a template with that of the standard library's.
func checkOne(t *testing.T, format string) {
	t.Helper()
	if strings.HasPrefix(format, "table") || format == "json" {
		return
	}
	var got, want bytes.Buffer
	err := template.One(&got, format, value)
	peer, peerErr := templates.Parse(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(strings.Trim(format, " ")))
	if peerErr == nil {
		peerErr = peer.Execute(&want, value)
	}
	compare(t, format, got.String(), err, want.String(), peerErr)
}

func compare(t *testing.T, format, got string, err error, want string, peerErr error) {
	t.Helper()
	switch {
	case peerErr == nil && (err != nil || got != want):
		t.Errorf("%s:\n%q, %v\nthe Docker CLI:\n%q", format, got, err, want)
	case peerErr != nil && (err == nil || err.Error() != strings.TrimPrefix(peerErr.Error(), "template parsing error: ")):
		t.Errorf("%s: %v\nthe Docker CLI: %v", format, err, peerErr)
	}
}

// tooLarge matches numbers of which a template makes as many bytes.
var tooLarge = regexp.MustCompile(`[0-9_]{4}|[0-9][eEpP]|0[xXbBoO]|%`)
