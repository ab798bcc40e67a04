package printable

import "unicode"

// place is the position in a line, as far as a CI system's command can begin there:
//
//   - "::name" is one of GitHub if only space is before it in its line (ActionCommand.cs of actions/runner trims the line),
//   - "##[name]" is one of GitHub, "##vso[name]" of Azure Pipelines (Command.cs of microsoft/azure-pipelines-agent),
//     "##teamcity[name]" of TeamCity, anywhere in a line.
//
// GitLab's are made of control characters.
type place uint8

const (
	beginning place = iota // of a line, or after space
	colon                  // after the first one at the beginning
	middle                 // where no command has begun
	hash
	hashes // two, and letters behind them
)

// next advances by a character, and reports whether that would complete a command.
func (at *place) next(r rune) bool {
	from := *at
	switch {
	case r == '\n':
		*at = beginning
	case r == '#' && from >= hash:
		*at = hashes
	case r == '#':
		*at = hash
	case r == ':' && from == beginning:
		*at = colon
	case from == beginning && unicode.IsSpace(r):
	case from == hashes && unicode.IsLetter(r):
	default:
		*at = middle
		return r == ':' && from == colon || r == '[' && from == hashes
	}
	return false
}
