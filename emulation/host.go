package emulation

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// hostRoot is where the helper container sees the host's files. It becomes the
// root in which interpreters are tried, so that their paths are the host's.
const hostRoot = "/host"

// hostDirs is where distributions and people put QEMU; all are below /usr, the
// one directory of the host that the helper is shown.
func hostDirs() []string { return []string{"/usr/bin", "/usr/local/bin", "/usr/libexec/qemu-binfmt"} }

// runHost registers the QEMU binaries that the engine's host has, from a
// container of the helper image.
func (in *installer) runHost(ctx context.Context, archs []Arch) (said []string, err error) {
	res, err := in.Runner.Run(ctx, engine.RunSpec{
		Image: in.HelperImage, Entrypoint: []string{"/bin/sh", "-c", hostScript(archs)}, Cmd: []string{},
		Privileged: true, Network: "none", Labels: in.Labels,
		Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/usr", Target: path.Join(hostRoot, "usr"), ReadOnly: true}},
	})
	if err != nil {
		return nil, err
	}
	said = append(nonEmptyLines(res.Stdout), nonEmptyLines(res.Stderr)...)
	if res.ExitCode != 0 {
		said = append(said, fmt.Sprintf("exit status %d", res.ExitCode))
	}
	return said, nil
}

// hostScript registers for each architecture the first QEMU binary on the host
// that works, in these steps:
//
//  1. It is run by name in a root that has the host's /usr and no dynamic loader,
//     so only a static program that emulates the architecture passes.
//  2. In the container a link to it is put at the same path: the kernel opens the
//     interpreter when it is registered with F, and remembers the host's path.
//  3. It is registered, and the kernel runs the probe program through it.
//
// The flags are F, without which containers would not find the interpreter; C,
// without which setuid programs lose their rights (it implies O); and P, so that
// programs see their own argv[0], if that works. It does with a kernel from 5.12,
// which says so to the interpreter (AT_FLAGS), and QEMU from 6.0, which
// listens; another pair takes the extra argument for one of the program's, as the
// probe's exit status shows. Then the registration is taken back, by the one who
// made it, and made without P. Names that end in "-binfmt-P", Debian's, always
// expect the extra argument and are not looked for: they are links to the others.
//
// It prints lines for people. A handler that is there already is left alone: the
// probe that follows tells whether it will do.
//
// The shell's echo is what says why a write failed; busybox's printf does not.
// It leaves the \xHH of a registration alone in every shell, and the kernel drops
// the newline.
func hostScript(archs []Arch) string {
	var s strings.Builder
	s.WriteString("d=" + hostRoot + "\n")
	writePrograms(&s, archs)
	s.WriteString(mountScript)
	fmt.Fprintf(&s, `try() { # ARCH HANDLER PATH LINE
	[ -f $d$3 ] || return
	found=1
	e=$(chroot $d $3 /$1 2>&1) || { echo "$1: $3 does not run by itself: $e"; return 1; }
	mkdir -p ${3%%/*} && ln -sfn $d$3 $3 || return
	for flags in FCP FC; do
		e=$( (echo "$4$flags" >$b/register) 2>&1) || {
			[ -e $b/$2 ] && echo "$1: somebody else has just registered $2" || echo "$1: cannot register $3: $e"
			return 1
		}
		chroot $d /$1 >/dev/null 2>&1 && { echo "$1: registered $3, flags $flags"; return; }
		echo -1 >$b/$2
	done
	echo "$1: $3 does not work as a handler"
	return 1
}
install() { # ARCH HANDLER QEMU LINE-BEFORE-PATH LINE-AFTER-PATH
	found=
	[ ! -e $b/$2 ] || { echo "$1: $2 is registered already"; return; }
	for dir in %s; do
		for n in qemu-$3-static qemu-$3; do
			try $1 $2 $dir/$n "$4$dir/$n$5" && return
			[ ! -e $b/$2 ] || return
		done
	done
	[ "$found" ] || echo "$1: no qemu-$3 on the engine's host"
}
`, strings.Join(hostDirs(), " "))
	for _, a := range archs {
		before, after, _ := strings.Cut(a.Registration("PATH", ""), "PATH")
		fmt.Fprintf(&s, "install %s %s %s '%s' '%s'\n", a.Name, a.HandlerName(), a.QEMU, before, after)
	}
	return s.String() + "exit 0\n"
}
