// Package shell reads what a shell would run: from the arguments of a program, which may be a shell with its script, to simple commands
// in the order in which they run, with what is known there of the environment, the working directory and where the output goes.
//
// Nothing is run. What is only known when the script runs (the output of a command, a file name that a pattern finds) is [Unknown] in
// the texts, and what is not understood (a function, eval, a script in a file) is a [Problem]. All branches are read, as if each could
// be taken; after them only that is known which is the same on every way.
//
// The syntax is read by mvdan.cc/sh, as Bash's, which has nearly all of sh, ash and dash, and as POSIX's where that fails.
package shell

import (
	"path"
	"slices"
	"strings"
)

// Unknown stands in a text for a part that is not known before the script runs. A script that has it itself is none that is read.
const Unknown = "\uFFFC"

// Input is a program's arguments and what it begins with.
type Input struct {
	Args []string
	Env  []string // KEY=value
	Cwd  string
	// Open says that there may be more in the environment than Env has, such as a secret.
	Open bool
	// Known gives the output of a command whose output is known; nil for none. It is asked for what stands alone in a substitution.
	Known func(Command) (string, bool)
}

// Script is what [Read] found.
type Script struct {
	Commands []Command
	Uses     []Use
	Problems []Problem
}

// Command is a simple command: a program or a builtin with its arguments.
type Command struct {
	Args   []Word            // at least the name
	Env    map[string]string // the environment that it sees, with what is set for it alone
	Set    []string          // the variables that are set for it alone: X=1 go build
	Cwd    string            // absolute; "" if unknown
	Output Output
	Files  []Redirect
	Sure   bool   // it runs, if what was before it did not end the script; false in a branch
	Text   string // as it is written, on one line
}

// Name is the last part of the command's name: "go" for /usr/local/go/bin/go. It is "" where it is not known, and for a program of
// somebody's own: ./install is not the install of the system.
func (c Command) Name() string { return program(c.Args[0]) }

// systemBins are where the system has its programs.
var systemBins = []string{"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"}

func program(w Word) string {
	dir, name := path.Split(w.Text)
	if !w.Known() || dir != "" && !slices.Contains(systemBins, dir) && (name != "go" || !path.IsAbs(dir)) {
		return ""
	}
	return name
}

// Words are the texts of the arguments after the name.
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
	Lone string // the command, as written, whose output the whole word is: $(go list ./...)
}

// Known reports whether nothing in the word is [Unknown].
func (w Word) Known() bool { return Known(w.Text) }

// Known reports whether nothing in a text is [Unknown].
func Known(text string) bool { return !strings.Contains(text, Unknown) }

// Output is where a command's standard output goes.
type Output int

// Shown goes to the log, or nowhere; Taken is read by another command or becomes a word; Filed is written to a file.
const (
	Shown Output = iota
	Taken
	Filed
)

// Redirect is a file that a command's input comes from, or that its output goes to.
type Redirect struct {
	Path  string
	Write bool
}

// Use is a variable that a script reads.
type Use struct {
	Var  string
	Into string // the variable that is set to a word with it: GOARCH=$TARGETARCH; "" for all else
	Own  bool   // the script has set it before
	Text string // the command that it is in, on one line
}

// Problem is what was not understood.
type Problem struct {
	Text string // as it is written, on one line
	Why  string // "is a shell function"
}

// Read tells what a program with these arguments runs: a shell's script, or the program itself.
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
		r.problem(text, "has a character that is not read")
		return r.Script
	}
	r.run(st, call{args: args, text: oneLine(text)})
	return r.Script
}

// maxShown is how much of a command is shown of it, in bytes.
const maxShown = 72

// oneLine is a command as it is written, without line ends, and short.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " ")
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown-1], "") + "…"
	}
	return s
}
