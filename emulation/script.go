package emulation

import (
	"fmt"
	"strings"
)

// binfmtDir is where the kernel's list of handlers is mounted by convention.
const binfmtDir = "/proc/sys/fs/binfmt_misc"

// handlersMount is where a container that may not mount anything itself finds the kernel's list of
// handlers: container runtimes do not bind anything below /proc.
const handlersMount = "/run/docker-multiarch/binfmt_misc"

// probeSeconds is how long the probe programs may take together. They need milliseconds; an emulator
// that hangs must not block a build.
const probeSeconds = "5"

// endMark is the last line of a report: without it the report was cut short.
const endMark = "end"

// mountScript finds the kernel's list of handlers, mounts it at $b where it is not visible yet, and
// prints a mount-error line when it cannot. In a user namespace it does not try: there the mount would
// make a new, empty list that hides the handlers of the machine from every program in that namespace
// (kernel 6.7 and later).
const mountScript = "b=" + handlersMount + "\n[ -e $b/status ] || b=" + binfmtDir + `
if [ ! -e $b/status ]; then
	read -r _ _ ids </proc/self/uid_map
	if [ "$ids" != 4294967295 ]; then echo "mount-error the container runs in a user namespace"
	else e=$(mount -t binfmt_misc binfmt_misc $b 2>&1) || echo mount-error $e
	fi
fi
`

// watchScript defines a function that kills processes which take too long. Killing $watch ends it, and
// its own sleep with it.
const watchScript = `watch() {
	(sleep ` + probeSeconds + ` & s=$!; trap 'kill $s; exit' TERM; wait $s; kill -9 "$@") >/dev/null 2>&1 & watch=$!
}
`

// probeScript returns the one shell script that collects all facts, for /bin/sh of busybox, dash or
// bash. It prints a report of lines:
//
//	uname 6.1.0 x86_64                     the kernel's release and machine
//	chroot-error TEXT                      the shell may not change its root
//	mount-error TEXT                       the list of handlers could not be mounted
//	/proc/sys/fs/binfmt_misc/NAME:TEXT     a line of a handler's file; in the kernel's order, newest first
//	ran ARCH STATUS                        the exit status of a probe program
//	said ARCH TEXT                         the first line that it, or chroot, wrote about a failure
//	version ARCH TEXT                      the emulator's output when it is asked for its version
//	builder ARCH STATUS PATH               BuildKit's own emulator; STATUS "-" when it was not tried
//	end
//
// Programs run in a chroot that holds nothing but the programs, as a build's RUN does: a handler
// without flag F finds no interpreter there. All programs run at once, while the list is read: an
// emulator needs some ten milliseconds to start.
//
// Each program is started a second time, for the emulator's version. QEMU's user mode also takes its
// options from the environment, and QEMU_VERSION makes it print its version and exit
// (linux-user/main.c, arg_table). So the answer comes from the registered, running emulator, which need
// not be the file that has its name now. That costs less than a second script beside the build would.
//
// BuildKit's own emulators are tried only where the kernel could not run the program.
func probeScript(archs []Arch) string {
	var s strings.Builder
	s.WriteString(tempDirScript)
	writePrograms(&s, archs)
	s.WriteString(watchScript + "pids=\n")
	for _, a := range archs {
		fmt.Fprintf(&s, "chroot \"$d\" /%[1]s </dev/null >/dev/null 2>\"$d/%[1]s.err\" & p_%[1]s=$! pids=\"$pids $!\"\n", a.Name)
		fmt.Fprintf(&s, "QEMU_VERSION=1 chroot \"$d\" /%[1]s </dev/null >\"$d/%[1]s.v\" 2>/dev/null & v_%[1]s=$! pids=\"$pids $!\"\n", a.Name)
	}
	s.WriteString("watch $pids\n" + mountScript)
	// uname prints the release before the machine in any order of its options.
	s.WriteString(`echo "uname $(uname -rm)"
e=$(chroot / true 2>&1) || echo chroot-error $e
grep -r '' $b 2>/dev/null
kernel() {
	wait $2 2>/dev/null; r=$? p=
	echo ran $1 $r
	[ $r = 0 ] || { read -r l <"$d/$1.err" && echo "said $1 $l"; }
	wait $4 2>/dev/null
	read -r l <"$d/$1.v" && echo "version $1 $l"
	c=$(command -v $3) || return
	[ $r = 0 ] || { "$c" "$d/$1" </dev/null >/dev/null 2>&1 & p=$! pids="$pids $!"; }
}
builder() {
	[ "$3" ] || return
	r=-
	[ -z "$2" ] || { wait $2 2>/dev/null; r=$?; }
	echo "builder $1 $r $3"
}
pids=
`)
	for _, a := range archs {
		fmt.Fprintf(&s, "kernel %[1]s $p_%[1]s %[2]s $v_%[1]s; p_%[1]s=$p c_%[1]s=$c\n", a.Name, a.BuilderEmulator())
	}
	s.WriteString("kill $watch 2>/dev/null\n[ -z \"$pids\" ] || watch $pids\n")
	for _, a := range archs {
		fmt.Fprintf(&s, "builder %[1]s \"$p_%[1]s\" \"$c_%[1]s\"\n", a.Name)
	}
	s.WriteString("kill $watch 2>/dev/null\necho " + endMark + "\nexit 0\n")
	return s.String()
}

// tempDirScript makes a new directory $d, which is removed when the shell ends. Where no directory can
// be written, a privileged shell mounts one in memory.
const tempDirScript = `d=$(mktemp -d 2>/dev/null) || { d=/dev/shm/emulation.$$; mkdir $d && mount -t tmpfs tmpfs $d || exit 1; }
trap 'rm -rf "$d"' EXIT
trap 'exit 1' HUP INT PIPE TERM
`

// writePrograms makes the probe programs, named by their architectures, in the directory $d.
func writePrograms(s *strings.Builder, archs []Arch) {
	// A program that is killed must not leave a core file.
	s.WriteString("umask 077\nulimit -c 0\n")
	var names strings.Builder
	for _, a := range archs {
		fmt.Fprintf(s, "printf '%s' >\"$d/%s\"\n", octalEscapes(a.Program()), a.Name)
		fmt.Fprintf(&names, " \"$d/%s\"", a.Name)
	}
	s.WriteString("chmod 700" + names.String() + "\n")
}

// octalEscapes writes bytes for the format of printf(1), the only portable way in POSIX to write any
// byte from a shell. Every byte is escaped, so no digit can follow an escape by chance and be taken for
// a part of it.
func octalEscapes(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\%o`, c)
	}
	return s.String()
}
