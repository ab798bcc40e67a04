package exe

import (
	"slices"
	"strings"
)

// Fit is how well a machine can run a file.
type Fit int

// These are the three answers.
const (
	Runs             Fit = iota
	RunsElsewhereToo     // only on CPUs, kernels and emulators that have the narrower mode as well
	Wrong                // on no machine of the platform, except with an emulator
)

// Fit compares a file with a normalised platform (see package platform), and returns the reason in words if it does not simply run.
// Scripts run: the caller checks their interpreter.
//
// Fit does not compare variants: the flags of arm/v5 and arm/v7 are the same, and so are those of amd64/v2 and amd64. It also
// does not judge the kind of a file (an object, firmware).
func (f File) Fit(os, architecture string) (Fit, string) {
	if f.Format == Script || f.Machine == AnyMachine {
		return Runs, ""
	}
	if want := formatOf(os); f.Format != want {
		return Wrong, "it is for another system: " + f.String()
	}
	if f.Format == MachO && slices.Contains(strings.Split(f.Machine, "+"), architecture) {
		return Runs, ""
	}
	if f.Machine == architecture && f.ABI != "x32" && f.ABI != "n32" && f.ABI != "ilp32" {
		return Runs, ""
	}
	if why := f.narrower(architecture); why != "" {
		return RunsElsewhereToo, why
	}
	return Wrong, "it is for " + f.String()
}

// narrower returns the mode besides the platform's own that a CPU needs to run a file, or "" if no mode helps.
func (f File) narrower(architecture string) string {
	if f.Format == PE {
		switch {
		case architecture == "amd64" && f.Machine == "386":
			return "needs WoW64, which Nano Server lacks"
		case architecture == "arm64" && (f.Machine == "386" || f.Machine == "amd64"):
			return "is emulated by Windows on arm64"
		}
		return ""
	}
	if f.Format == MachO {
		if architecture == "arm64" && slices.Contains(strings.Split(f.Machine, "+"), "amd64") {
			return "needs Rosetta"
		}
		return ""
	}
	switch architecture + " " + f.Machine {
	case "amd64 386":
		return "does not run where amd64 is emulated, by Rosetta or qemu-x86_64, and where the kernel has no 32-bit mode"
	case "arm64 arm":
		return "does not run on arm64 CPUs without AArch32, such as Apple silicon and many servers"
	case "amd64 amd64":
		return "needs a kernel with the x32 ABI, which few have"
	case "mips64 mips", "mips64 mips64", "mips64le mipsle", "mips64le mips64le", "ppc64 ppc", "s390x s390":
		return "needs a kernel with the 32-bit mode of " + architecture
	}
	return ""
}

func formatOf(os string) Format {
	switch os {
	case "windows":
		return PE
	case "darwin", "ios":
		return MachO
	}
	return ELF
}
