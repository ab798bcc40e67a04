package registryhttp

import (
	"net/http"
	"strings"
)

// Challenge is one way to log in that a server offers (RFC 9110, section 11.3).
type Challenge struct {
	Scheme string            // in lower case
	Params map[string]string // their names in lower case
}

// Challenges returns all challenges of an answer, in order: those of several WWW-Authenticate headers, and several in one header.
// A value without quotes ends at a comma or a space, so a realm need not be quoted. Malformed text ends its header.
func Challenges(header http.Header) []Challenge {
	var all []Challenge
	for _, text := range header.Values("WWW-Authenticate") {
		all = append(all, parseChallenges(text)...)
	}
	return all
}

// Login returns the challenge that a client answers: the first Bearer that names a token server, else the first Basic. That is the
// order of preference of docker and BuildKit. All others, such as Negotiate, are skipped.
func Login(header http.Header) (Challenge, bool) {
	var basic *Challenge
	for _, c := range Challenges(header) {
		switch {
		case c.Scheme == "bearer" && c.Params["realm"] != "":
			return c, true
		case c.Scheme == "basic" && basic == nil:
			basic = &c
		}
	}
	if basic == nil {
		return Challenge{}, false
	}
	return *basic, true
}

// String returns the challenge as a header, with the parameters that registries use, all quoted. An empty scope is left out, and
// scopes are separated by one space.
func (c Challenge) String() string {
	if c.Scheme != "bearer" {
		return "Basic"
	}
	params := map[string]string{
		"realm": c.Params["realm"], "service": c.Params["service"], "scope": strings.Join(strings.Fields(c.Params["scope"]), " "),
	}
	var parts []string
	for _, name := range []string{"realm", "service", "scope"} {
		if value := params[name]; value != "" {
			parts = append(parts, name+`="`+quoted.Replace(value)+`"`)
		}
	}
	return "Bearer " + strings.Join(parts, ",")
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// parseChallenges reads one header. A comma separates both challenges and the parameters of one: a name with "=" behind it is a
// parameter, any other begins a challenge.
func parseChallenges(text string) (all []Challenge) {
	for {
		text = strings.TrimLeft(text, " \t,")
		name, rest := cutToken(text)
		if name == "" {
			return all
		}
		rest = strings.TrimLeft(rest, " \t")
		if value, isParam := strings.CutPrefix(rest, "="); isParam && len(all) > 0 {
			var ok bool
			if value, text, ok = cutValue(strings.TrimLeft(value, " \t")); !ok {
				return all
			}
			all[len(all)-1].Params[strings.ToLower(name)] = value
			continue
		}
		all = append(all, Challenge{Scheme: strings.ToLower(name), Params: map[string]string{}})
		text = skipToken68(rest)
	}
}

// skipToken68 removes the token that a challenge may have instead of parameters, such as that of Negotiate.
func skipToken68(text string) string {
	i := 0
	for i < len(text) && (isTokenChar(text[i]) || text[i] == '/') {
		i++
	}
	end := strings.TrimLeft(text[i:], "=")
	if after := strings.TrimLeft(end, " \t"); i > 0 && (after == "" || after[0] == ',') {
		return after
	}
	return text
}

func cutToken(text string) (token, rest string) {
	i := 0
	for i < len(text) && isTokenChar(text[i]) {
		i++
	}
	return text[:i], text[i:]
}

// isTokenChar reports whether a byte may be part of a token (RFC 9110, section 5.6.2).
func isTokenChar(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

// cutValue returns the value at the start of a text. ok is false if its quotes do not end.
func cutValue(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		end := strings.IndexAny(text, ", \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], true
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}
