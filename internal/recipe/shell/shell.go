// Package shell reads the commands that a program's arguments run: from the arguments of a program, which may be a shell with its
// script, to simple commands in the order in which they run. Each has the known environment, working directory and destination of
// its output.
//
// Nothing is run. Text that is only known at run time (the output of a command, a file name that a pattern finds) is [Unknown]. A
// construct that is not understood (a function, eval, a script in a file) is a [Problem]. All branches are read, as if each could
// be taken. After them, only facts that hold on every path are known.
//
// The parser is mvdan.cc/sh. It reads Bash's syntax, which covers nearly all of sh, ash and dash, and POSIX's where that fails.
package shell

import (
	"path"
	"slices"
	"strings"
)

// Unknown stands in a text for a part that is only known at run time. A script that contains it is not read.
const Unknown = "\uFFFC"

// Input is a program's arguments and its initial state.
type Input struct {
	Args []string
	Env  []string // KEY=value
	Cwd  string
	// Open means that the environment may have more than Env, such as a secret.
	Open bool
	// Known returns the output of a command, if it is known. It is called for a command alone in a substitution. nil knows none.
	Known func(Command) (string, bool)
}

// Script is the result of [Read].
type Script struct {
	Commands []Command
	Uses     []Use
	Problems []Problem
}

// Command is a simple command: a program or a builtin with its arguments.
type Command struct {
	Args   []Word            // at least the name
	Env    map[string]string // its environment, with the variables set for it alone
	Set    []string          // the variables set for it alone: X=1 go build
	Cwd    string            // absolute; "" if unknown
	Output Output
	Files  []Redirect
	Sure   bool   // it runs, unless an earlier command ended the script; false in a branch
	Text   string // as it is written, on one line
}

// Name returns the last part of the command's name: "go" for /usr/local/go/bin/go. It is "" if it is unknown, and for a program
// outside of the system's directories: ./install is not the system's install.
func (c Command) Name() string { return program(c.Args[0]) }

// systemBins are the directories of the system's programs.
var systemBins = []string{"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"}

func program(w Word) string {
	dir, name := path.Split(w.Text)
	if !w.Known() || dir != "" && !slices.Contains(systemBins, dir) && (name != "go" || !path.IsAbs(dir)) {
		return ""
	}
	return name
}

// Words returns the texts of the arguments after the name.
func (c Command) Words() []string {
	words := make([]string, 0, len(c.Args))
	for _, w := range c.Args[1:] {
		words = append(words, w.Text)
	}
	return words
}

// Word is an argument.
type Word struct {
	Text string
	Lone string // the command, as written, if the whole word is its output: $(go list ./...)
}

// Known reports whether nothing in the word is [Unknown].
func (w Word) Known() bool { return Known(w.Text) }

// Known reports whether nothing in a text is [Unknown].
func Known(text string) bool { return !strings.Contains(text, Unknown) }

// Output is the destination of a command's standard output.
type Output int

// Shown output goes to the log, or is dropped. Taken output is read by another command or becomes a word. Filed output is written
// to a file.
const (
	Shown Output = iota
	Taken
	Filed
)

// Redirect is a file that a command's input comes from, or its output goes to.
type Redirect struct {
	Path  string
	Write bool
}

// Use is a variable that a script reads.
type Use struct {
	Var  string
	Into string // the variable that is set to a word with it: GOARCH=$TARGETARCH; "" for other uses
	Own  bool   // the script set it before
	Text string // the command that reads it, on one line
}

// Problem is a construct that was not understood.
type Problem struct {
	Text string // as it is written, on one line
	Why  string // "is a shell function"
}

// Read returns what a program with these arguments runs: a shell's script, or the program itself.
func Read(in Input) Script {
	r := &reader{open: in.Open, known: in.Known}
	if len(in.Args) == 0 {
		r.problem("", "has no program")
		return r.Script
	}
	st := newState(in.Env, in.Cwd)
	args := make([]Word, len(in.Args))
	for i, a := range in.Args {
		args[i].Text = a
	}
	text := strings.Join(in.Args, " ")
	if slices.ContainsFunc(args, func(w Word) bool { return !w.Known() }) {
		r.problem(text, "has an unsupported character")
		return r.Script
	}
	r.run(st, call{args: args, text: oneLine(text)})
	return r.Script
}

// maxShown is the length in bytes to which a shown command is cut.
const maxShown = 72

// oneLine returns a command as it is written, shortened and without line ends.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " ")
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown-1], "") + "…"
	}
	return s
}
