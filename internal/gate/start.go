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
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/starter"
)

// maxStarts bounds the number of commands that start each other and are followed.
const maxStarts = 8

// A command is a command that the image starts, or that such a command starts.
type command struct {
	argv []string
	dir  string // the folder of relative paths
	path []string
	// guess means that a script or an argument names it. The word may not be a program, so a missing one is not a finding.
	guess bool
	cmd   bool // it is an argument of the entrypoint: findings about it are warnings
}

// start judges the commands that the image starts.
func (x *examination) start(ctx context.Context) {
	config := x.img.Config.Config
	argv := slices.Concat(config.Entrypoint, config.Cmd)
	if len(argv) == 0 || argv[0] == "" {
		return
	}
	todo := []command{{argv: argv, dir: path.Join("/", config.WorkingDir), path: strings.Split(pathOf(config.Env), ":")}}
	var taker *command // gets Cmd as arguments and may start them
	for n := 0; n < maxStarts && len(todo) > 0; n++ {
		c := todo[0]
		if len(config.Cmd) > 0 && n > 0 && c.argv[0] == config.Cmd[0] {
			taker = nil // a followed command starts Cmd
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

// next returns the commands that a command starts, according to [launch.Follow], or to the script that it is or that its shell
// runs. at is its program.
func (x *examination) next(ctx context.Context, c command, at rootfs.Place) (nexts []launch.Command, ok bool) {
	next, ok := launch.Follow(c.argv)
	if len(next.Args) > 0 {
		return []launch.Command{next}, ok
	}
	self, args := c.argv[0], c.argv[1:]
	if starter.IsShell(path.Base(self)) {
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

// then returns the command that c starts.
func (c command) then(next launch.Command) command {
	c.argv, c.guess = next.Args, c.guess || next.Shell
	if next.Dir != "" {
		c.dir = absolute(c.dir, next.Dir)
	}
	return c
}

// argument judges the first word of Cmd, which entrypoints like /docker-entrypoint.sh start at their end.
func (x *examination) argument(ctx context.Context, c command, cmd []string) {
	if len(cmd) == 0 || cmd[0] == "" || cmd[0][0] == '-' || strings.Contains(cmd[0], "/") && !path.IsAbs(cmd[0]) {
		return
	}
	c.argv, c.guess, c.cmd = cmd, true, true
	x.command(ctx, c)
}

// pathOf returns PATH of an environment, or the engine's default if it has none.
func pathOf(env []string) string { return cmp.Or(envOf(env, "PATH"), system.DefaultPathEnvUnix) }

// envOf returns the value of a variable in an environment, or "" if it is not set.
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

// command looks one program up and judges it. The zero place is none.
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

// lookup looks a program up by its word, first in the layers that were read and then in all. A program that is found through PATH
// and is for another machine is looked up in all layers before it becomes a finding: the base image may have the right one in an
// earlier folder.
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
	fit, _ := at.Exe.Fit(x.platform.OS, x.platform.Architecture)
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
		case o == rootfs.Found && at.Type == listing.File && at.Mode&0o111 != 0:
			return at, rootfs.Found
		case o == rootfs.Unknown:
			worst = rootfs.Unknown
		}
	}
	return rootfs.Place{}, worst
}
