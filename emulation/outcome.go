package emulation

import "github.com/docker-multiarch/docker-multiarch/platform"

// Outcome is what became of the probe program of an architecture that was run
// where no shell could look around.
type Outcome struct {
	Arch       string // Go's name
	ExitStatus int    // as in Support
	Said       string
}

// Conclude is the status of a machine of which no more is known than its own
// platform and these outcomes. why says why that is so. What ran and is not the
// machine's own is Emulated, whoever emulates it.
func Conclude(own platform.Platform, why string, outcomes ...Outcome) Status {
	rep := report{mountError: why, runs: map[string]run{}}
	if a, ok := Lookup(own.Architecture); ok && len(a.Machines) > 0 {
		rep.machine = a.Machines[0]
	}
	var archs []Arch
	for _, o := range outcomes {
		if a, ok := Lookup(o.Arch); ok {
			archs = append(archs, a)
			rep.runs[o.Arch] = run{status: o.ExitStatus, said: o.Said}
		}
	}
	return newStatus(rep, archs)
}
