package emulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// installFlags are the flags of a handler that this package registers.
const installFlags = "FCP"

// hostRoot is the mount point of the host's files in the helper container. Interpreters are tried with
// it as their root, so that their paths are the host's.
const hostRoot = "/host"

// hostDirs lists the directories in which distributions and people install QEMU; all are below /usr,
// the one directory of the host that the helper can see.
func hostDirs() []string { return []string{"/usr/bin", "/usr/local/bin", "/usr/libexec/qemu-binfmt"} }

// runHost registers the QEMU binaries of the engine's host, from a container of the helper image.
func (in *installer) runHost(ctx context.Context, archs []Arch) (output []string, err error) {
	output, err = runHelper(ctx, in.Runner, in.HelperImage, hostScript(archs), in.Labels)
	return output, in.privilege(err)
}

// keepFound drops the architectures whose handlers would be replaced although the host has no binary
// for them.
func (in *installer) keepFound(ctx context.Context, archs []Arch) ([]Arch, error) {
	if !in.Force {
		return archs, nil
	}
	found, err := findOnHost(ctx, in.Runner, in.HelperImage, archs, in.Labels)
	return slices.DeleteFunc(slices.Clone(archs), func(a Arch) bool { return found[a.Name] == "" }), err
}

// findOnHost finds QEMU's static binaries on the engine's host that work, as hostScript would choose
// them, by Go's name of the architecture. It changes nothing and needs no privilege.
func findOnHost(ctx context.Context, r Runner, image string, archs []Arch, labels map[string]string) (map[string]string, error) {
	var s strings.Builder
	s.WriteString("d=" + hostRoot + "\nmkdir -p $d\n")
	writePrograms(&s, archs)
	s.WriteString("find() { # ARCH QEMU\n\tfor dir in " + strings.Join(hostDirs(), " ") + `; do
		for n in qemu-$2-static qemu-$2; do
			[ -f $d$dir/$n ] && chroot $d $dir/$n /$1 >/dev/null 2>&1 && { echo "found $1 $dir/$n"; return; }
		done
	done
}
`)
	for _, a := range archs {
		fmt.Fprintf(&s, "find %s %s\n", a.Name, a.QEMU)
	}
	out, err := Observer{Runner: r, Image: image, Labels: labels}.Run(ctx, s.String()+"exit 0\n")
	if err != nil {
		return nil, fmt.Errorf("look for QEMU on the engine's host: %w", err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "found" {
			found[f[1]] = f[2]
		}
	}
	return found, nil
}

// hostScript registers for each architecture the first QEMU binary on the host
// that works, in these steps:
//
//  1. It is run by name in a root that has the host's /usr and no dynamic loader,
//     so only a static program that emulates the architecture passes.
//  2. A link to it is created at the same path in the container: the kernel opens
//     the interpreter when it is registered with F, and records the host's path.
//  3. It is registered, and the kernel runs the probe program through it.
//
// The flags are F, without which containers would not find the interpreter; C,
// without which setuid programs lose their rights (it implies O); and P, so that
// programs see their own argv[0], if that works. It works with a kernel from 5.12,
// which tells the interpreter (AT_FLAGS), and QEMU from 6.0, which reads that.
// In other combinations the program gets the extra argument as its own, and the
// probe's exit status shows it. Then the script removes its registration again
// and registers without P. Debian's names that end in "-binfmt-P" always expect
// the extra argument and are not searched: they are links to the others.
//
// The script prints lines for people. It leaves an existing handler alone: the
// probe that follows shows whether that handler works.
//
// The script writes with the shell's echo, which reports why a write failed;
// busybox's printf does not. echo leaves the \xHH of a registration alone in
// every shell, and the kernel drops the newline.
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
	for flags in %[2]s FC; do
		e=$( (echo "$4$flags" >$b/register) 2>&1) || {
			[ -e $b/$2 ] && echo "$1: another program has just registered $2" || echo "$1: cannot register $3: $e"
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
	for dir in %[1]s; do
		for n in qemu-$3-static qemu-$3; do
			try $1 $2 $dir/$n "$4$dir/$n$5" && return
			[ ! -e $b/$2 ] || return
		done
	done
	[ "$found" ] || echo "$1: no qemu-$3 on the engine's host"
}
`, strings.Join(hostDirs(), " "), installFlags)
	for _, a := range archs {
		before, after, _ := strings.Cut(a.Registration("PATH", ""), "PATH")
		fmt.Fprintf(&s, "install %s %s %s '%s' '%s'\n", a.Name, a.HandlerName(), a.QEMU, before, after)
	}
	return s.String() + "exit 0\n"
}
