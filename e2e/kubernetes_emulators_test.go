//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// registers is the entry of an image that registers the rare emulator, in the words of the published image of emulators.
const registers = `#!/bin/sh
set -e
test "$*" = "--install all"
cd /proc/sys/fs/binfmt_misc
test -e register || mount -t binfmt_misc binfmt_misc .
cd /proc/sys/fs/binfmt_misc
printf %s ':` + rareHandler + `:M::` + rareMagic + `:` + rareMask + `:/emulator:F' >register
`

func TestAPodInstallsEmulatorsBeforeItBuilds(t *testing.T) {
	s := onClusterAlone(t)
	s.ownKernel()
	if _, there := s.kernelHandlers()[rareHandler]; there {
		s.unregister(rareHandler)
	}
	emulator, err := os.ReadFile(rareProgram)
	s.check(err)
	dir := s.folder(files{"emulator": string(emulator), "install": registers, "Dockerfile": s.onBase("FROM $BASE", "COPY --chmod=755 emulator install /", `ENTRYPOINT ["/install"]`)})
	image := s.repo() + ":1"
	s.mustPods("--node", "any", "--platform", "linux/amd64")
	s.mustBuild("--platform", "linux/amd64", "--push", "-t", image, dir)

	program := s.dockerfile("FROM $BASE", "RUN uname -m >/machine")
	words := []string{"--platform", "linux/amd64," + rare, "--emulators=never", "--push", "-t"}
	s.refused(s.build(append(words, s.repo(), program)...), 1, rare, "emulator")

	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.mustPods("--node", "any", "--driver-opt", "qemu.install=true,qemu.image="+image+",qemu.limits.memory=64Mi,limits.memory=1Gi")
	repo := s.repo()
	s.mustBuild(append(words, repo, program)...)
	s.equal("the machine that the steps see", s.fileOf(repo, "latest", rare, "machine"), "s390x")
	s.equal("the limit of the init container", s.kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.initContainers[*].resources.limits.memory}"), "64Mi")
	s.mustDocker("multiarch", "builder", "rm", s.builder)
	s.equal("what is left in the cluster", s.ours(), "")

	s.mustPods("--node", "any", "--driver-opt", "qemu.install=true,qemu.image="+filepath.Join(s.registry, "none:1"))
	r := s.build(append(words, s.repo(), program)...)
	s.refused(r, 1, "container emulators does not start: ", "not found")
}
