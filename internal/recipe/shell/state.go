package shell

import (
	"maps"
	"path"
	"strings"

	"mvdan.cc/sh/v3/expand"
)

// state is what is known at a point of a script.
type state struct {
	vars map[string]variable
	cwd  string // "" if unknown
}

type variable struct {
	text     string
	exported bool
	own      bool // the script has set it
}

func newState(env []string, cwd string) *state {
	st := &state{vars: map[string]variable{}, cwd: cwd}
	if cwd == "" {
		st.cwd = "/"
	}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		st.vars[name] = variable{text: value, exported: true}
	}
	return st
}

func (st *state) clone() *state { return &state{vars: maps.Clone(st.vars), cwd: st.cwd} }

// inherited returns the initial state of a program.
func (st *state) inherited() *state {
	next := &state{vars: map[string]variable{}, cwd: st.cwd}
	for name, v := range st.vars {
		if v.exported {
			next.vars[name] = v
		}
	}
	return next
}

// merge reduces st to what is known if the script came here from st or from other.
func (st *state) merge(other *state) {
	for name, v := range other.vars {
		if mine, ok := st.vars[name]; !ok || mine != v {
			st.vars[name] = variable{Unknown, v.exported || mine.exported, v.own && mine.own}
		}
	}
	for name, v := range st.vars {
		if _, ok := other.vars[name]; !ok {
			st.vars[name] = variable{Unknown, v.exported, false}
		}
	}
	if st.cwd != other.cwd {
		st.cwd = ""
	}
}

func (st *state) set(name, text string) {
	if len(text) > maxText {
		text = Unknown
	}
	st.vars[name] = variable{text, st.vars[name].exported, true}
}

func (st *state) export(name string) {
	if v, ok := st.vars[name]; ok {
		st.vars[name] = variable{v.text, true, v.own}
	}
}

// Resolve resolves a path from a directory. It is "" for a relative path in an unknown directory. Unknown parts of a path stay in
// it.
func Resolve(cwd, name string) string {
	switch {
	case name == "" || strings.HasPrefix(name, Unknown):
		return ""
	case path.IsAbs(name):
		return path.Clean(name)
	case cwd == "":
		return ""
	}
	return path.Join(cwd, name)
}

func (st *state) environment() map[string]string {
	env := map[string]string{}
	for name, v := range st.vars {
		if v.exported {
			env[name] = v.text
		}
	}
	return env
}

// external are variables that the shell or the container runtime sets.
var external = map[string]bool{
	"HOME": true, "OLDPWD": true, "HOSTNAME": true, "HOSTTYPE": true, "MACHTYPE": true, "OSTYPE": true, "PATH": true, "RANDOM": true,
	"SRANDOM": true, "SECONDS": true, "LINENO": true, "UID": true, "EUID": true, "GROUPS": true, "PPID": true, "SHELL": true,
	"SHELLOPTS": true, "SHLVL": true, "TERM": true, "USER": true, "LOGNAME": true, "REPLY": true, "OPTARG": true, "OPTIND": true,
	"http_proxy": true, "https_proxy": true, "ftp_proxy": true, "no_proxy": true, "all_proxy": true, "HTTP_PROXY": true,
	"HTTPS_PROXY": true, "FTP_PROXY": true, "NO_PROXY": true, "ALL_PROXY": true, "SSH_AUTH_SOCK": true, "SOURCE_DATE_EPOCH": true,
}

// lookup returns a variable's text. ok is false for one that is not set.
func (r *reader) lookup(st *state, name string) (text string, ok bool) {
	v, ok := st.vars[name]
	switch {
	case ok:
		return v.text, true
	case name == "PWD" && st.cwd != "":
		return st.cwd, true
	case name == "IFS":
		return "", false
	case name == "PWD" || external[name] || strings.HasPrefix(name, "BASH") || r.open:
		return Unknown, true
	}
	return "", false
}

// environ looks variables up for package expand.
type environ func(name string) (string, bool)

func (e environ) Get(name string) expand.Variable {
	text, ok := e(name)
	return expand.Variable{Set: ok, Kind: expand.String, Str: text}
}

// Each does nothing, since only shells that start programs call it.
func (environ) Each(func(string, expand.Variable) bool) {}
