package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// longParagraph is the largest number of lines of a paragraph or of an entry in a list.
const longParagraph = 4

// A document is a Markdown file of the repository.
type document struct {
	path  string // from the root of the repository
	lines []string
}

// documents returns the documents with paths of a pattern, except the changelog and the reference, which is made from the commands.
func documents(t *testing.T, patterns ...string) (docs []document) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if name := filepath.Base(file); name == "CHANGELOG.md" || name == "commands.md" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path, _ := filepath.Rel(filepath.Join("..", ".."), file)
			docs = append(docs, document{filepath.ToSlash(path), strings.Split(string(text), "\n")})
		}
	}
	return docs
}

// prose calls fn with each line of text that is neither code nor part of a table.
func (d document) prose(fn func(number int, line string)) {
	fenced := false
	for i, line := range d.lines {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		} else if !fenced && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "|") {
			fn(i+1, line)
		}
	}
}

func TestParagraphsOfTheDocumentationAreShort(t *testing.T) {
	for _, doc := range documents(t, "README.md", "docs/*.md") {
		started, lines := 0, 0
		doc.prose(func(number int, line string) {
			entry := strings.HasPrefix(strings.TrimSpace(line), "* ")
			if line == "" || entry || number != started+lines {
				started, lines = number, 0
			}
			if line == "" {
				started++
				return
			}
			if lines++; lines == longParagraph+1 {
				t.Errorf("%s:%d: a paragraph of more than %d lines", doc.path, started, longParagraph)
			}
		})
	}
}

// ruledOut are words for which docs/CONTRIBUTING.md has others.
var ruledOut = regexp.MustCompile(`(?i)\b(astray|keepers?|witness|conductor|whoever|(moved|moving) (steps?|stages?))\b`)

func TestDocumentsKeepToTheGuideline(t *testing.T) {
	for _, doc := range documents(t, "README.md", "docs/*.md", "docs/decisions/*.md") {
		if doc.path == "docs/CONTRIBUTING.md" { // quotes them
			continue
		}
		doc.prose(func(number int, line string) {
			if found := ruledOut.FindString(line); found != "" {
				t.Errorf("%s:%d: %q has another word in docs/CONTRIBUTING.md", doc.path, number, found)
			}
		})
	}
}

// A page begins with its title, one paragraph about its purpose, and an example.
func TestEveryPageBeginsWithItsPurposeAndAnExample(t *testing.T) {
	for _, doc := range documents(t, "docs/*.md") {
		parts := strings.SplitN(strings.Join(doc.lines, "\n"), "\n\n", 4)
		if len(parts) < 4 || !strings.HasPrefix(parts[0], "# ") || strings.HasPrefix(parts[1], "    ") || !strings.HasPrefix(parts[2], "    ") {
			t.Errorf("%s begins with %q", doc.path, parts[:min(3, len(parts))])
		}
	}
}

func TestEveryPageIsInTheIndex(t *testing.T) {
	index := strings.Join(documents(t, "docs/README.md")[0].lines, "\n")
	for _, doc := range documents(t, "docs/*.md") {
		if name := filepath.Base(doc.path); name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("%s is not in docs/README.md", doc.path)
		}
	}
}

// decisionLines is the largest number of lines of a decision, blank ones included.
const decisionLines = 17

func TestEveryDecisionIsShortAndComplete(t *testing.T) {
	titles := regexp.MustCompile(`^# (\d+)\. \S`)
	last := 0 // numbers may be missing while several decisions are in work
	for _, doc := range documents(t, "docs/decisions/[0-9]*.md") {
		text := strings.Join(doc.lines, "\n")
		title := titles.FindStringSubmatch(text)
		number, _ := strconv.Atoi(filepath.Base(doc.path)[:3])
		if title == nil || title[1] != fmt.Sprint(number) || number <= last {
			t.Errorf("%s: its number %d is not its title's, or another decision has it", doc.path, number)
		}
		last = number
		if len(doc.lines)-1 > decisionLines {
			t.Errorf("%s has %d lines, at most %d", doc.path, len(doc.lines)-1, decisionLines)
		}
		for _, part := range []string{"\n**Context.** ", "\n**Choice.** ", "\n**What we gave up.** "} {
			if strings.Count(text, part) != 1 {
				t.Errorf("%s has no part %q", doc.path, part)
			}
		}
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	heading = regexp.MustCompile(`^#+ (.*)`)
	linked  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors returns the anchors that GitHub gives the headings of a text.
func anchors(lines []string) map[string]bool {
	found := map[string]bool{}
	for _, line := range lines {
		if match := heading.FindStringSubmatch(line); match != nil {
			title := dropped.ReplaceAllString(strings.ToLower(linked.ReplaceAllString(match[1], "$1")), "")
			found[strings.ReplaceAll(title, " ", "-")] = true
		}
	}
	return found
}

func TestLinksOfTheDocumentationLeadSomewhere(t *testing.T) {
	links := 0
	for _, doc := range documents(t, "README.md", "docs/*.md", "docs/decisions/*.md") {
		for i, line := range doc.lines {
			for _, match := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(match[1], "://") {
					continue
				}
				links++
				if err := follow(doc, match[1], match[2]); err != nil {
					t.Errorf("%s:%d: %v", doc.path, i+1, err)
				}
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

// follow returns an error if a link of a document leads to no file or to no heading.
func follow(from document, path, anchor string) error {
	lines := from.lines
	if path != "" {
		file := filepath.Join("..", "..", filepath.Dir(from.path), path)
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		lines = strings.Split(string(text), "\n")
	}
	if anchor != "" && !anchors(lines)[anchor] {
		return fmt.Errorf("%q has no heading %q", path, anchor)
	}
	return nil
}
