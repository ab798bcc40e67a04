package gate

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/util/system"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/launch"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// maxStarts is how many commands that start each other are followed.
const maxStarts = 8

// A command is what the image starts, or what that starts in its turn.
type command struct {
	argv []string
	dir  string // where relative paths begin
	path []string
	// guess says that a script or an argument names it: the word may be something else, and nothing follows if it is missing.
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
	todo := []command{{argv: argv, dir: path.Join("/", config.WorkingDir), path: strings.Split(pathOf(config.Env), ":")}}
	var taker *command // of the arguments that Cmd is, whatever it does with them
	for n := 0; n < maxStarts && len(todo) > 0; n++ {
		c := todo[0]
		if len(config.Cmd) > 0 && n > 0 && c.argv[0] == config.Cmd[0] {
			taker = nil // it starts them
		}
		at := x.command(ctx, c)
		nexts, ok := x.next(ctx, c, at)
		if !ok && len(config.Entrypoint) > 0 && len(c.argv) > len(config.Cmd) && !c.guess {
			taker = &c
		}
		todo = todo[1:]
		for _, next := range nexts {
			todo = append(todo, c.then(next))
		}
	}
	if taker != nil {
		x.argument(ctx, *taker, config.Cmd)
	}
}

// next is what a command starts in its turn, as [launch.Follow] tells it, or as the script does that it is, or that a shell is given. at is its
// program.
func (x *examination) next(ctx context.Context, c command, at rootfs.Place) (nexts []launch.Command, ok bool) {
	next, ok := launch.Follow(c.argv)
	if len(next.Args) > 0 {
		return []launch.Command{next}, ok
	}
	self, args := c.argv[0], c.argv[1:]
	if launch.IsShell(path.Base(self)) {
		if args = launch.ScriptFile(args); len(args) == 0 {
			return nil, ok
		}
		self, args = args[0], args[1:]
		at, _ = x.all().Resolve(ctx, absolute(c.dir, self))
	}
	if at.Body == nil || at.Body.Script == "" || x.allow.allows(at.Path) {
		return nil, ok
	}
	return launch.Script(at.Body.Script, self, args), ok
}

// then is the command that another one starts.
func (c command) then(next launch.Command) command {
	c.argv, c.guess = next.Args, c.guess || next.Shell
	if next.Dir != "" {
		c.dir = absolute(c.dir, next.Dir)
	}
	return c
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
// pathOf has what an engine sets when the configuration has no PATH.
func pathOf(env []string) string { return cmp.Or(envOf(env, "PATH"), system.DefaultPathEnvUnix) }

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

// command finds one program and judges it. The zero place is none.
func (x *examination) command(ctx context.Context, c command) rootfs.Place {
	at, o := x.lookup(ctx, c, c.argv[0])
	p := program{Place: at, role: roleEntrypoint, word: c.argv[0], command: c}
	switch {
	case o == rootfs.Found:
		x.program(ctx, p, 0)
		return at
	case c.cmd || c.guess && !strings.Contains(c.argv[0], "/"):
	default:
		x.missing(o, p)
	}
	return rootfs.Place{}
}

// lookup finds a program by its word, in the layers that were read and then in all. One that is found through PATH and is for another
// machine is looked for in all before it is accused: the base may have the right one in a folder that comes first.
func (x *examination) lookup(ctx context.Context, c command, word string) (rootfs.Place, rootfs.Outcome) {
	at, o := x.search(ctx, rootfs.View{Root: x.root, Shallow: true}, c, word)
	if o == rootfs.Found && (strings.Contains(word, "/") || x.fits(at)) {
		return at, rootfs.Found
	}
	if deep, inAll := x.search(ctx, x.all(), c, word); o != rootfs.Found || inAll == rootfs.Found {
		return deep, inAll
	}
	return at, rootfs.Found
}

func (x *examination) fits(at rootfs.Place) bool {
	if at.Exe == nil {
		return true
	}
	fit, _ := at.Exe.Fit(x.platform)
	return fit != exe.Wrong
}

func (x *examination) search(ctx context.Context, v rootfs.View, c command, word string) (rootfs.Place, rootfs.Outcome) {
	if strings.Contains(word, "/") {
		return v.Resolve(ctx, absolute(c.dir, word))
	}
	worst := rootfs.Absent
	for _, dir := range c.path {
		if !path.IsAbs(dir) {
			continue
		}
		switch at, o := v.Resolve(ctx, dir+"/"+word); {
		case o == rootfs.Found && at.Type == layers.File && at.Mode&0o111 != 0:
			return at, rootfs.Found
		case o == rootfs.Unknown:
			worst = rootfs.Unknown
		}
	}
	return rootfs.Place{}, worst
}
