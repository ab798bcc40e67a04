package dockerfile

import (
	"slices"
	"strconv"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Image is an image that a Dockerfile names.
type Image struct {
	Name string // with the values of arguments filled in
	Text string // the Dockerfile's text that names it: "FROM $BASE", "COPY --from=image", "# syntax=image"
	Line int    // from 1; 0 if unknown
}

// Choice decides which images of a Dockerfile a build fetches.
type Choice struct {
	Args   map[string]string // build arguments; they win over defaults
	Env    []string          // NAME=value of arguments that a FROM may use without an ARG
	Target string            // the stage that is built; "" for the last
	// Named reports whether something else, such as a named context, replaces the image of that name. nil: nothing does.
	Named func(name string) bool
}

// Syntax returns the image of the frontend that the text names ("# syntax="), and that line's words, the image among them; "" if it names
// none, or the frontend that BuildKit has itself.
func Syntax(text string) (image, words string) {
	image, words, _, _ = parser.DetectSyntax([]byte(text))
	if image == "dockerfile.v0" {
		return "", ""
	}
	return image, words
}

// Images returns the images that a build fetches according to the Dockerfile's text alone, in the order of its lines: the
// frontend (# syntax), the images of the stages that the target is made from (FROM), and those that these stages copy from and
// mount. It leaves out images named in a base image's ONBUILD and names with a variable that has no value. For a text of another
// frontend it returns only that frontend.
func Images(text string, c Choice) []Image {
	var found []Image
	if syntax, _, at, ok := parser.DetectSyntax([]byte(text)); ok && c.Args["BUILDKIT_SYNTAX"] == "" {
		found = append(found, Image{Name: syntax, Text: "# syntax=" + syntax, Line: Line(at)})
	}
	f, err := Parse(text)
	if err != nil {
		return found
	}
	w := &imageWalk{File: f, choice: c, lex: shell.NewLex(f.escape), env: slices.Clone(c.Env), seen: map[int]bool{}}
	w.globals()
	if i, ok := w.target(); ok {
		w.stage(i)
	}
	slices.SortStableFunc(w.found, func(a, b Image) int { return a.Line - b.Line })
	return append(found, w.found...)
}

// imageWalk visits everything that the target's stage is made from.
type imageWalk struct {
	File
	choice Choice
	lex    *shell.Lex
	env    []string // arguments that a FROM may use
	seen   map[int]bool
	found  []Image
}

// globals evaluates the arguments before the first FROM. Each may use the earlier ones.
func (w *imageWalk) globals() {
	for _, cmd := range w.Global {
		for _, arg := range cmd.Args {
			value, set := w.choice.Args[arg.Key]
			if !set && arg.Value != nil {
				value, set = w.expand(*arg.Value), true
			}
			if set {
				w.env = append(w.env, arg.Key+"="+value)
			}
		}
	}
}

// expand returns a word that cannot be expanded unchanged. BuildKit will report the error.
func (w *imageWalk) expand(word string) string {
	value, _, err := w.lex.ProcessWord(word, shell.EnvsFromSlice(w.env))
	if err != nil {
		return word
	}
	return value
}

// target returns the index of the stage that is built.
func (w *imageWalk) target() (int, bool) {
	if w.choice.Target == "" {
		return len(w.Stages) - 1, len(w.Stages) > 0
	}
	return w.find(len(w.Stages), w.choice.Target)
}

// find returns the stage before the i-th that has a name or an index.
func (w *imageWalk) find(i int, name string) (int, bool) {
	if k, ok := w.before(i, name); ok {
		return k, true
	}
	k, err := strconv.Atoi(name)
	return k, err == nil && k >= 0 && k < i
}

// stage visits the i-th stage, once.
func (w *imageWalk) stage(i int) {
	if w.seen[i] {
		return
	}
	w.seen[i] = true
	s := w.Stages[i]
	base := w.expand(s.BaseName)
	if k, ok := w.before(i, base); ok {
		w.stage(k)
	} else if base != "scratch" {
		w.add(base, "FROM "+s.BaseName, Line(s.Location))
	}
	for _, cmd := range s.Commands {
		w.command(i, cmd)
	}
}

// command visits the sources of an instruction of the i-th stage.
func (w *imageWalk) command(i int, cmd instructions.Command) {
	switch cmd := cmd.(type) {
	case *instructions.CopyCommand:
		w.from(i, cmd.From, "COPY --from="+cmd.From, Line(cmd.Location()))
	case *instructions.RunCommand:
		if cmd.Expand(func(word string) (string, error) { return word, nil }) != nil {
			return
		}
		for _, m := range instructions.GetMounts(cmd) {
			w.from(i, m.From, "RUN --mount=from="+m.From, Line(cmd.Location()))
		}
	}
}

// from visits a stage or an image that the i-th stage copies from.
func (w *imageWalk) from(i int, name, text string, line int) {
	if name == "" {
		return
	}
	if k, ok := w.find(i, name); ok {
		w.stage(k)
		return
	}
	w.add(name, text, line)
}

func (w *imageWalk) add(name, text string, line int) {
	if w.choice.Named == nil || !w.choice.Named(name) {
		w.found = append(w.found, Image{name, text, line})
	}
}
