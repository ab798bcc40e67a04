package gate

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// defaultPath is what an engine sets when the configuration has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// maxStarts is how many commands that start each other are followed.
const maxStarts = 8

// A command is what the image starts, or what that starts in its turn.
type command struct {
	argv []string
	dir  string // where relative paths begin
	path []string
	// guess says that a shell's script or an argument names it: the word may be something else, and nothing follows if it is missing.
	guess bool
	cmd   bool // it is an argument of the entrypoint: what is wrong with it is a warning
}

// start judges what the image starts.
func (x *examination) start(ctx context.Context) {
	config := x.img.Config.Config
	argv := slices.Concat(config.Entrypoint, config.Cmd)
	if len(argv) == 0 || argv[0] == "" {
		return
	}
	c := command{argv: argv, dir: path.Join("/", config.WorkingDir), path: strings.Split(pathOf(config.Env), ":")}
	for range maxStarts {
		x.command(ctx, c)
		next, ok := follow(c.argv)
		if !ok && len(config.Entrypoint) > 0 && len(c.argv) > len(config.Cmd) && !c.guess {
			x.argument(ctx, c, config.Cmd)
		}
		if len(next.argv) == 0 {
			return
		}
		c.argv, c.guess = next.argv, c.guess || next.shell
		if next.dir != "" {
			c.dir = absolute(c.dir, next.dir)
		}
	}
}

// argument judges the first of Cmd, which entrypoints like /docker-entrypoint.sh start at their end.
func (x *examination) argument(ctx context.Context, c command, cmd []string) {
	if len(cmd) == 0 || cmd[0] == "" || cmd[0][0] == '-' || strings.Contains(cmd[0], "/") && !path.IsAbs(cmd[0]) {
		return
	}
	c.argv, c.guess, c.cmd = cmd, true, true
	x.command(ctx, c)
}

// pathOf finds PATH in an environment.
func pathOf(env []string) string { return cmp.Or(envOf(env, "PATH"), defaultPath) }

// envOf finds a variable in an environment; "" if it is not set.
func envOf(env []string, name string) (value string) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

func absolute(dir, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return dir + "/" + name
}

// command finds one program and judges it.
func (x *examination) command(ctx context.Context, c command) {
	at, o := x.lookup(ctx, c, c.argv[0])
	p := program{place: at, role: roleEntrypoint, word: c.argv[0], command: c}
	if o == found {
		x.program(ctx, p, 0)
		return
	}
	if c.cmd || c.guess && !strings.Contains(c.argv[0], "/") {
		return
	}
	x.missing(o, p)
}

// lookup finds a program by its word, in the layers that were read and then in all. One that is found through PATH and is for another
// machine is looked for in all before it is accused: the base may have the right one in a folder that comes first.
func (x *examination) lookup(ctx context.Context, c command, word string) (place, outcome) {
	at, o := x.search(ctx, view{x: x, shallow: true}, c, word)
	if o == found && (strings.Contains(word, "/") || x.fits(at)) {
		return at, found
	}
	if deep, inAll := x.search(ctx, view{x: x}, c, word); o != found || inAll == found {
		return deep, inAll
	}
	return at, found
}

func (x *examination) fits(at place) bool {
	if at.Exe == nil {
		return true
	}
	fit, _ := at.Exe.Fit(x.platform)
	return fit != exe.Wrong
}

func (x *examination) search(ctx context.Context, v view, c command, word string) (place, outcome) {
	if strings.Contains(word, "/") {
		return v.resolve(ctx, absolute(c.dir, word))
	}
	worst := absent
	for _, dir := range c.path {
		if !path.IsAbs(dir) {
			continue
		}
		switch at, o := v.resolve(ctx, dir+"/"+word); {
		case o == found && at.Type == File && at.Mode&0o111 != 0:
			return at, found
		case o == unknown:
			worst = unknown
		}
	}
	return place{}, worst
}
