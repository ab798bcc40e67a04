package emulation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// report holds the values that probeScript printed, without conclusions.
type report struct {
	kernel, machine string
	chrootError     string
	mountError      string
	off             bool      // binfmt_misc as a whole is switched off
	handlers        []Handler // in the order of the report
	runs            map[string]run
}

// run is the result of one architecture's probe program.
type run struct {
	status        int
	output        string
	version       string // of QEMU
	builder       string // path of BuildKit's own emulator
	builderStatus int    // -1: not tried
}

// parseReport reads the report line by line. Unknown lines are skipped; a report without its last line
// is an error.
func parseReport(text string) (report, error) {
	rep := report{runs: map[string]run{}}
	complete := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		entry, ok := strings.CutPrefix(line, binfmtDir+"/")
		if !ok {
			entry, ok = strings.CutPrefix(line, handlersMount+"/")
		}
		if ok {
			if err := rep.addEntry(entry); err != nil {
				return report{}, err
			}
			continue
		}
		if line == endMark {
			complete = true
			continue
		}
		if err := rep.addLine(line); err != nil {
			return report{}, fmt.Errorf("%q: %w", line, err)
		}
	}
	if !complete {
		return report{}, fmt.Errorf("the report is incomplete:  %q", tail(text, 200))
	}
	return rep, nil
}

// addEntry reads a line "NAME:TEXT" of the directory of handlers.
func (r *report) addEntry(entry string) error {
	name, text, _ := strings.Cut(entry, ":")
	switch name {
	case "register":
		return nil
	case "status":
		r.off = text == "disabled"
		return nil
	}
	if n := len(r.handlers); n == 0 || r.handlers[n-1].Name != name {
		r.handlers = append(r.handlers, Handler{Name: name})
	}
	return r.handlers[len(r.handlers)-1].addLine(text)
}

func (r *report) addLine(line string) error {
	key, value, _ := strings.Cut(line, " ")
	switch key {
	case "uname":
		r.kernel, r.machine, _ = strings.Cut(value, " ")
		return nil
	case "chroot-error":
		r.chrootError = value
		return nil
	case "mount-error":
		r.mountError = value
		return nil
	case "ran", "said", "version", "builder":
		return r.addRun(key, value)
	}
	return nil
}

func (r *report) addRun(key, value string) error {
	arch, value, ok := strings.Cut(value, " ")
	if !ok {
		return errors.New("too short")
	}
	got := r.runs[arch]
	var err error
	switch key {
	case "ran":
		got.status, err = strconv.Atoi(value)
	case "said":
		got.output = value
	case "version":
		// qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7)
		if f := strings.Fields(value); len(f) >= 3 && f[1] == "version" {
			got.version = f[2]
		}
	case "builder":
		var status string
		status, got.builder, _ = strings.Cut(value, " ")
		if got.builderStatus = -1; status != "-" {
			got.builderStatus, err = strconv.Atoi(status)
		}
	}
	r.runs[arch] = got
	return err
}

// tail returns at most the last n bytes of a text.
func tail(s string, n int) string {
	if len(s) > n {
		return "…" + strings.ToValidUTF8(s[len(s)-n:], "")
	}
	return s
}
