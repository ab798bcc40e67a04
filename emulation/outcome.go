package emulation

import "github.com/docker-multiarch/docker-multiarch/platform"

// Outcome is the result of an architecture's probe program that was run without a shell to inspect the
// kernel.
type Outcome struct {
	Arch       string // Go's name
	ExitStatus int    // as in Support
	Output     string
}

// Conclude returns the status of a machine of which only its own platform and these outcomes are known.
// why is the reason for that. A program that ran and is not the machine's own is Emulated, whichever
// emulator ran it.
func Conclude(own platform.Platform, why string, outcomes ...Outcome) Status {
	rep := report{mountError: why, runs: map[string]run{}}
	if a, ok := Lookup(own.Architecture); ok && len(a.Machines) > 0 {
		rep.machine = a.Machines[0]
	}
	var archs []Arch
	for _, o := range outcomes {
		if a, ok := Lookup(o.Arch); ok {
			archs = append(archs, a)
			rep.runs[o.Arch] = run{status: o.ExitStatus, output: o.Output}
		}
	}
	return newStatus(rep, archs)
}
