package results

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// reportLimit bounds a report, in bytes: a comment on GitHub takes 65,536 characters.
const reportLimit = 60_000

// markdown returns a report for a pull request's comment or a job's summary. The important parts come first, and long parts are
// folded. If the report is too long, whole parts are left out from the end, with a note.
func (o Outcome) markdown() string {
	parts := []string{
		"### " + o.headline() + "\n",
		o.platformTable(),
		o.instead(),
		o.relocations(),
		o.why(),
		o.findings(),
		o.tests(),
		o.names(),
		o.files(),
		o.ends(),
	}
	var b strings.Builder
	left := false
	for _, part := range parts {
		switch {
		case part == "":
		case b.Len()+len(part) > reportLimit:
			left = true
		case b.Len() > 0:
			b.WriteString("\n" + part)
		default:
			b.WriteString(part)
		}
	}
	if left {
		b.WriteString("\nThis report would be too long for a comment: parts of it are left out.\n")
	}
	return b.String()
}

// headline returns the outcome in a sentence.
func (o Outcome) headline() string {
	_, pushFailed := errors.AsType[*index.PushError](o.Err)
	switch {
	case explain.IsPartial(o.Err):
		missing, _ := errors.AsType[*explain.Partial](o.Err)
		return fmt.Sprintf("%s without %s: %s", missing.Verb(), missing.Names(), o.title())
	case o.Err != nil && Stopped(o.Err):
		return "Stopped: " + o.title()
	case pushFailed && begun(o.Report):
		return "Built, but not published: " + o.title()
	case o.Err != nil:
		return "Failed: " + o.title()
	case len(o.Report.Tags)+len(o.Report.ByDigest) > 0:
		return "Published: " + o.title()
	}
	return "Built: " + o.title()
}

// title returns the name of the result in a few words.
func (o Outcome) title() string {
	var names []string
	for _, t := range o.Named {
		names = append(names, mdCode(reference.FamiliarString(t)))
	}
	for _, repo := range o.Request.ByDigest {
		names = append(names, mdCode(reference.FamiliarName(repo)))
	}
	const most = 3
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return cmp.Or(strings.Join(names, ", "), "an image without a name")
}

// platformTable returns the table of platforms, with the full digests.
func (o Outcome) platformTable() string {
	if !begun(o.Report) {
		return ""
	}
	var rows [][]string
	columns := columnsOf(o.Report)
	var titles []string
	for _, c := range columns {
		titles = append(titles, c.title[:1]+strings.ToLower(c.title[1:]))
	}
	rows = append(rows, titles)
	for _, p := range o.Report.Platforms {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = mdText(cmp.Or(c.cell(p), "-"))
			if c.title == "PLATFORM" {
				row[i] = mdCode(platform.Format(p.Platform))
			}
			if c.title == "DIGEST" && p.Err == nil && p.Manifest.Digest != "" {
				row[i] = mdCode(p.Manifest.Digest.String())
			}
		}
		rows = append(rows, row)
	}
	return mdTable(rows)
}

// instead returns the platforms that another node would have made.
func (o Outcome) instead() string {
	var b strings.Builder
	for _, p := range o.Report.Platforms {
		if p.Instead != "" {
			fmt.Fprintf(&b, "- %s was built on node %s instead: %s\n", mdCode(platform.Format(p.Platform)), mdCode(p.Node), mdText(p.Instead))
		}
	}
	return b.String()
}

// relocations returns the time that relocated steps saved, or could save.
func (o Outcome) relocations() string {
	var b strings.Builder
	for _, line := range CrossLines(o.Report) {
		fmt.Fprintf(&b, "- %s\n", mdText(line))
	}
	return b.String()
}

// why returns the error with advice.
func (o Outcome) why() string {
	if o.Err == nil {
		return ""
	}
	const most = 8 << 10
	text := mdBlock(endOf(o.Err.Error(), most))
	if note := untouched(o); note != "" && !explain.IsPartial(o.Err) {
		text += "\n" + mdText(note) + "\n"
	}
	if hint := explain.Hint(o.Err); hint != "" {
		text += "\n**What to do**\n\n" + mdBlock(hint)
	}
	return text
}

// names returns the names of the result.
func (o Outcome) names() string {
	var text string
	if len(o.Report.Tags)+len(o.Report.ByDigest) > 0 {
		rows := [][]string{{"Tag", "Digest", ""}}
		for _, t := range o.Report.Tags {
			rows = append(rows, []string{mdCode(t.Ref), mdCode(t.Digest.String()), mdText(strings.TrimSpace(StateNote(t)))})
		}
		for _, repo := range o.Report.ByDigest {
			rows = append(rows, []string{mdCode(reference.FamiliarName(repo)), mdCode(o.Report.Target.Digest.String()), "no tag"})
		}
		text = mdTable(rows)
	}
	return text
}

// files returns the other destinations of the result.
func (o Outcome) files() string {
	var b strings.Builder
	for _, l := range o.Report.Loaded {
		fmt.Fprintf(&b, "- %s is in the engine: %s\n", mdCode(cmp.Or(l.Name, "(no name)")), mdCode(l.ID.String()))
	}
	for _, name := range o.Report.Written {
		fmt.Fprintf(&b, "- %s is written\n", mdCode(name))
	}
	return b.String()
}

// ends returns the last output of the failed steps.
func (o Outcome) ends() string {
	if o.Failures == "" {
		return ""
	}
	const most = 24 << 10
	return mdDetails("the ends of the failed steps", endOf(o.Failures, most))
}

// endOf returns the end of a text, at most so many bytes, in whole lines unless they are too long.
func endOf(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	if i := strings.IndexByte(text, '\n'); i >= 0 && i < most/2 {
		text = text[i+1:]
	}
	return "…\n" + strings.ToValidUTF8(text, "")
}
