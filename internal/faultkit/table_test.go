package faultkit

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of faults into the document")

const (
	document = "../../docs/registries.md"
	begin    = "<!-- faults: go test ./internal/faultkit -update -->\n"
	end      = "<!-- end of faults -->\n"
)

// tableOf returns the table of faults of the document.
func tableOf(t *testing.T) string {
	var rows strings.Builder
	rows.WriteString("| fault | for a moment | for ever: status | for ever: message |\n|---|---|---|---|\n")
	for _, f := range faults {
		rows.WriteString(f.row(t))
	}
	return rows.String()
}

// documented fails the test unless the document has the table.
func documented(t *testing.T, table string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table", document)
	}
	if *update {
		if err := os.WriteFile(document, []byte(before+begin+table+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table {
		t.Errorf("the table differs; write it with -update:\n%s", table)
	}
}

// row returns what a user sees of a fault that begins where it shows: at the first tag, or where the builder or the client meets it.
func (f fault) row(t *testing.T) string {
	c := combination{scenarios[0], f, extents[0], firstTag}
	switch {
	case f.build != nil:
		c.phase = steps
	case f.at != nil && !slices.Contains(f.at, firstTag):
		c.phase = f.at[0]
	}
	for flag, needed := range map[string]bool{"--output": f.local != nil, "--load": f.engine != nil} {
		if needed {
			c.scenario = scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return strings.Contains(s.name, flag) })]
		}
	}
	if f.engine != nil {
		c.phase = prepare
	}
	var seen []outcome
	for _, e := range []extent{extents[0], {name: "for ever"}} {
		w := newWorld(t)
		c.begin(w)
		c.extent = e
		seen = append(seen, w.attempt(c))
		w.close()
	}
	once, ever := seen[0], seen[1]
	short := "done"
	if once.err != nil {
		short = fmt.Sprintf("status %d", once.status)
	}
	return fmt.Sprintf("| %s | %s | %d | %s |\n", f.name, short, ever.status, ever.message())
}

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// message returns the error with its hint in one line.
func (o outcome) message() string {
	if o.err == nil {
		return "done"
	}
	_, text, ok := strings.Cut(o.text, "ERROR: ")
	if !ok {
		_, text, _ = strings.Cut(o.text, "interrupted")
		text = "interrupted" + text
	}
	text = digests.ReplaceAllString(strings.Join(strings.Fields(text), " "), "sha256:…")
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}
