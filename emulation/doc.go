// Package emulation finds out which architectures the kernel behind an engine runs natively, which
// through an emulator, and which not at all; and it installs missing emulators.
//
// It never inspects the machine it runs on. The engine may be in a virtual machine or behind ssh, so
// every question goes through a [Shell]: a privileged container on the engine.
//
// # Running is the proof
//
// [Probe] judges by running one tiny program for each architecture, in an otherwise empty root as a
// build's RUN has it. Names in the kernel's list of handlers prove nothing: a handler may be disabled,
// its interpreter deleted, or not visible inside a container. The list is read too, to distinguish
// emulated from native and to explain why a program does not run.
//
//	st, err := emulation.Probe(ctx, node, platforms...)
//	…
//	err = st.Require(emulation.Builder, platforms...) // a *MissingError: what is missing, why, and what to run
//
// A platform is Native when its program ran and no enabled handler matches it; that includes 32-bit
// programs which a 64-bit kernel runs itself. A private handler such as rosetta is an emulator like any
// other: see [Support.Handler] for its name. A handler without flag F does not work in containers, so
// its programs are not Emulated.
//
// # Installing
//
// [Install] takes missing emulators from the first of these sources that has them: QEMU's static
// binaries on the engine's host, the binfmt image if the engine has it already, the binfmt image from
// its registry. No image runs with privileges unless [Runner] has verified it. No installer is trusted:
// after each one the programs are run again, in another container, and Install fails unless every
// requested platform runs.
//
// An existing handler is not changed or removed unless Force is set. If it is broken, it blocks the
// installation, and the error names it. With Force, and by [Uninstall], QEMU's handlers of the
// requested architectures are removed; other handlers, such as rosetta, never are. [Preview] returns
// what Install would do.
//
// # Looking closer
//
// [Inspect] is Probe with a look at the engine's host: who registered a handler, and a [Verdict] on
// each. With an [Observer] it needs no privileges.
//
// # The table
//
// [Archs] is the one list of architectures. How a handler recognises an architecture's programs (magic
// and mask) and the probe programs themselves are computed from it, by the ELF specification and the
// kernel's Documentation/admin-guide/binfmt-misc.rst.
package emulation
