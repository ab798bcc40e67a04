package emulation

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Inspection is a Status with further facts about the handlers.
type Inspection struct {
	Status
	Host     HostView
	FreeDisk int64 // bytes that are free where the engine keeps its containers; -1: unknown
	Disk     int64 // bytes there in all
}

// HostView is what the engine's host has for emulators, as far as a container can see its /usr. The
// zero value is empty.
type HostView struct {
	Known bool
	OS    string // "Debian GNU/Linux 12 (bookworm)"
	// Configured are the registrations of the host's packages (binfmt.d(5), those
	// below /usr), made when the host starts: lines by the path of their file.
	Configured map[string][]string
	Present    map[string]bool // interpreters of handlers that exist as files of the host now
}

// Inspect is Probe and a look at the host, in one script.
func Inspect(ctx context.Context, sh Shell, only ...platform.Platform) (Inspection, error) {
	archs := ArchsOf(only...)
	// The probe script exits, so it runs in a shell of its own.
	script := "(" + probeScript(archs) + ")\n" + hostViewScript
	out, err := sh.Run(ctx, script)
	if err != nil {
		return Inspection{}, fmt.Errorf("inspect the engine's kernel: %w", err)
	}
	// The end mark is the probe's: if the output was cut short after it, only the host's facts are
	// missing.
	probed, _, ok := strings.Cut(string(out), "\n"+endMark+"\n")
	if !ok {
		return Inspection{}, errors.New("inspect the engine's kernel: the report is incomplete:  " + tail(string(out), 200))
	}
	rep, err := parseReport(probed + "\n" + endMark + "\n")
	if err == nil {
		err = rep.usable(archs)
	}
	if err != nil {
		return Inspection{}, fmt.Errorf("inspect the engine's kernel: %w", err)
	}
	ins := Inspection{Status: newStatus(rep, archs), FreeDisk: -1}
	ins.parseHostView(string(out))
	return ins, nil
}

// hostViewScript prints the facts about handlers below the host's /usr, if it is mounted:
//
//	host-os NAME
//	host-conf FILE LINE      a line of a binfmt.d file about QEMU
//	host-has PATH            the interpreter of a handler, present on the host
//	disk TOTAL FREE          in KiB, of the container's file system, which is on the engine's disk
const hostViewScript = "h=" + hostRoot + "\nb=" + handlersMount + "\n[ -e $b/status ] || b=" + binfmtDir + `
if [ -d $h/usr/lib ]; then
	while IFS== read -r k v; do [ "$k" != PRETTY_NAME ] || echo "host-os $v"; done 2>/dev/null <$h/usr/lib/os-release
	for f in $h/usr/lib/binfmt.d/*.conf; do
		[ ! -f "$f" ] || while read -r l; do case $l in :qemu-*) printf 'host-conf %s %s\n' "${f#$h}" "$l" ;; esac; done <"$f"
	done
	for f in $b/*; do
		[ "$f" = $b/register ] || while read -r k v; do
			[ "$k" != interpreter ] || [ ! -e "$h$v" ] || printf 'host-has %s\n' "$v"
		done 2>/dev/null <"$f"
	done
	echo host-known
fi
df -Pk / 2>/dev/null | { read -r l; read -r _ t _ a _ && echo "disk $t $a"; }
exit 0
`

// parseHostView reads hostViewScript's lines and skips all others.
func (i *Inspection) parseHostView(text string) {
	i.Host = HostView{Configured: map[string][]string{}, Present: map[string]bool{}}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch key {
		case "host-known":
			i.Host.Known = true
		case "host-os":
			i.Host.OS = strings.Trim(value, `"`)
		case "host-conf":
			file, registration, _ := strings.Cut(value, " ")
			i.Host.Configured[file] = append(i.Host.Configured[file], registration)
		case "host-has":
			i.Host.Present[value] = true
		case "disk":
			var total, free int64
			if n, _ := fmt.Sscan(value, &total, &free); n == 2 {
				i.Disk, i.FreeDisk = total<<10, free<<10
			}
		}
	}
}
