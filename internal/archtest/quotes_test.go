package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// quoted matches a line of code in a document that shows a message of the program.
var quoted = regexp.MustCompile(`^    (?:ERROR|Hint|warning|note|builder "[^"]*"|linux/[a-z0-9/]+): +(.*)`)

// ofBuildKit are messages of BuildKit.
var ofBuildKit = regexp.MustCompile(`^linux/[a-z0-9/]+: failed to solve: `)

// stage is a stage's name, a value of messages.
var stage = regexp.MustCompile(`\bstage [a-z]+`)

// plain is three words of a message without a sign between them.
var plain = regexp.MustCompile(`^([a-z']+) ([a-z']+) ([a-z']+)[,;:]?$`)

// texts returns all string literals of the program, with one that is written in several parts as one.
func texts(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			expr, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text, ok := literal(expr)
			all.WriteString(text + "\n")
			return !ok
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// literal returns the text of an expression that is a string literal, or a sum that begins with one. Other parts of a sum are left out.
func literal(expr ast.Expr) (string, bool) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, leftIs := literal(e.X)
		right, rightIs := literal(e.Y)
		return left + right, e.Op == token.ADD && (leftIs || rightIs)
	}
	return "", false
}

// says reports whether a text of the program has three words, one of which may be a value.
func says(program string, words []string) bool {
	candidates := []string{strings.Join(words, " "), "%s " + words[1] + " " + words[2], words[0] + " %s " + words[2], words[0] + " " + words[1] + " %s"}
	return slices.ContainsFunc(candidates, func(text string) bool { return strings.Contains(program, text) })
}

func TestMessagesInTheDocumentationAreTheProgramsOwn(t *testing.T) {
	program, lines := texts(t), 0
	for _, doc := range documents(t, "README.md", "docs/*.md") {
		for i, line := range doc.lines {
			match := quoted.FindStringSubmatch(line)
			if match == nil || ofBuildKit.MatchString(match[1]) {
				continue
			}
			lines++
			words := strings.Fields(stage.ReplaceAllString(match[1], "%s"))
			for n := range max(0, len(words)-2) {
				three := plain.FindStringSubmatch(strings.Join(words[n:n+3], " "))
				if three != nil && !says(program, three[1:]) {
					t.Errorf("%s:%d: the program has no message with %q", doc.path, i+1, three[0])
				}
			}
		}
	}
	if lines < 10 {
		t.Errorf("only %d messages were found", lines)
	}
}
