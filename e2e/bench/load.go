package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	cpuNothing  = "CPU of client and buildkitd: 3 platforms, nothing to rebuild"
	busyNothing = "3 platforms, nothing to rebuild, all CPUs busy"
)

// loads returns the rows about what a build with nothing to do costs, and what it is like beside other work.
func (w *world) loads(ctx context.Context) ([]row, error) {
	y, small := w.ways[0], w.cases[0]
	servers := map[string]int{}
	for name, container := range map[string]string{ours: ourContainer, peer: "buildx_buildkit_" + peerBuilder + "0"} {
		out, err := w.docker(ctx, y, "inspect", "-f", "{{.State.Pid}}", container)
		if err != nil {
			return nil, err
		}
		if servers[name], err = strconv.Atoi(strings.TrimSpace(out)); err != nil {
			return nil, err
		}
	}
	rows := []row{{name: busyNothing, unit: millis, busy: true, want: 0.8, who: w.builds(y, small)[:3]}}
	if _, err := cpuOf(servers[ours]); err == nil { // the engine is on this machine
		rows = append(rows, row{name: cpuNothing, unit: cpu, server: servers, want: 0.7, who: w.alone(w.builds(y, small)[:2])})
	}
	return rows, nil
}

// keepBusy starts a program for each CPU that uses all of it until stop is called.
func keepBusy() (stop func(), err error) {
	var started []*exec.Cmd
	stop = func() {
		for _, cmd := range started {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	}
	for range runtime.NumCPU() {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			stop()
			return nil, err
		}
		started = append(started, cmd)
	}
	return stop, nil
}

// clockTick is the unit of CPU times in /proc, the same on all of Linux.
const clockTick = 10 * time.Millisecond

// cpuOf returns the CPU time that a process has used so far, with that of the children that it waited for (proc_pid_stat(5)).
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name of the program may have spaces
	fields := strings.Fields(after)
	if len(fields) < 15 {
		return 0, errors.New("/proc/…/stat has fewer fields than it should")
	}
	var ticks int
	for _, field := range fields[11:15] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}
