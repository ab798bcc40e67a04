package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wordings are what the guideline in docs/CONTRIBUTING.md rules out in comments.
var wordings = []struct {
	found *regexp.Regexp
	rule  string
}{
	{regexp.MustCompile(`(^|[.:;] )(What|Who|Whoever|That of|Nobody|Somebody) `), "a sentence begins with its subject"},
	{regexp.MustCompile(`(?i)\b(tells|says) whether\b`), `a boolean "reports whether"`},
	{regexp.MustCompile(`(?i)\b(conductor|keeper|witness|astray|deed|who knows)\b`), "the field has a word for it"},
}

// longSentence is from how many words on a sentence is too long to be read at once.
const longSentence = 60

var sentences = regexp.MustCompile(`[.:;](\s|$)`)

// comments calls fn with each comment of a Go file: its prose, the lines joined.
func comments(t *testing.T, file string, fn func(line int, text string)) {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range parsed.Comments {
		var prose []string
		for line := range strings.Lines(group.Text()) {
			if !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "  ") { // no list, no example
				prose = append(prose, strings.Fields(line)...)
			}
		}
		fn(fset.Position(group.Pos()).Line, strings.Join(prose, " "))
	}
}

func TestCommentsKeepToTheGuideline(t *testing.T) {
	root, files := filepath.Join("..", ".."), 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.Contains(path, "testdata") {
			return err
		}
		files++
		name, _ := filepath.Rel(root, path)
		comments(t, path, func(line int, text string) {
			for _, w := range wordings {
				if found := w.found.FindString(text); found != "" {
					t.Errorf("%s:%d: %q: %s", name, line, found, w.rule)
				}
			}
			for _, sentence := range sentences.Split(text, -1) {
				if n := len(strings.Fields(sentence)); n > longSentence {
					t.Errorf("%s:%d: a sentence of %d words; at most %d: %.60q…", name, line, n, longSentence, sentence)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 200 {
		t.Errorf("only %d files were read", files)
	}
}
