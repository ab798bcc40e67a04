package diag

import "fmt"

// Notes receives diagnostics for the user as they come up.
type Notes func(Diagnostic)

// Say passes on a line of information.
func (n Notes) Say(line string) { n(Diagnostic{Severity: Note, Message: line}) }

// Notef returns a line of information.
func Notef(format string, args ...any) Diagnostic {
	return Diagnostic{Severity: Note, Message: fmt.Sprintf(format, args...)}
}

// Warningf returns a warning.
func Warningf(format string, args ...any) Diagnostic {
	return Diagnostic{Severity: Warning, Message: fmt.Sprintf(format, args...)}
}

// Shown returns the diagnostic as the user reads it: its severity unless it is a note, its place, its message, and its fix in parentheses.
func (d Diagnostic) Shown() string {
	line := d.String()
	if d.Severity != Note {
		line = string(d.Severity) + ": " + line
	}
	if d.Fix != "" {
		line += " (" + d.Fix + ")"
	}
	return line
}
