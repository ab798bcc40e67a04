//go:build e2e

package e2e

import (
	"regexp"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
)

// program is a context whose program is compiled for other platforms on the builder's own.
func (s *story) program() string {
	s.Helper()
	return s.folder(files{
		"go.mod": "module program\n\ngo 1.24\n", "main.go": "package main\n\nfunc main() { println(\"" + random() + "\") }\n",
		"Dockerfile": "FROM " + s.golang(golang.Primed) + " AS build\nWORKDIR /src\nCOPY go.mod main.go ./\n" +
			"RUN CGO_ENABLED=0 go build -trimpath -o /out/program .\n" + s.onBase("FROM $BASE", "COPY --from=build /out/program /program", "RUN /program"),
	})
}

// compiling matches the lines of a progress that begin a step which compiles under an emulator.
var compiling = regexp.MustCompile(`(?m)^.*\[build \d/\d\] RUN CGO_ENABLED=0 go build.*$`)

func TestABaseImageIsInspectedOnceAndAnImportedCacheRebuildsNothing(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir, repo, caches := s.program(), s.repo(), s.repo()
		words := []string{"--progress", "plain", "--platform", "linux/arm64", "--push", "-t", repo}
		first := s.mustBuild(append(words, "--cache-to", "type=registry,mode=min,ref="+caches, dir)...)
		s.contains("the first build", first.err, "inspecting ", " for linux/amd64", " for linux/arm64", "cross (go)")
		s.ownBuilder()
		second := s.mustBuild(append(words, "--cache-from", "type=registry,ref="+caches, dir)...)
		s.contains("the second build", second.err, "cross (go)")
		s.lacks("a build of what is all in the cache", second.err, "inspecting ", "extracting", "built again")
	})
}

func TestTheScannedDefinitionIsRelocatedLikeTheImage(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, scanner := s.repo(), s.repo()
		s.mustBuild("--push", "-t", scanner, s.folder(files{
			"scan": "#!/bin/sh\nset -e\nfiles=$(find /run/src -type f -name program | wc -l)\ncat >$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json <<END\n" +
				`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","subject":[],` +
				`"predicate":{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"$files programs"}}` + "\nEND\n",
			"Dockerfile": s.onBase("FROM $BASE", "COPY --chmod=755 scan /", "ENTRYPOINT [\"/scan\"]"),
		}))
		r := s.mustBuild("--progress", "plain", "--cross=go", "--platform", "linux/arm64", "--sbom=generator="+scanner, "--provenance=mode=max",
			"--build-arg", "BUILDKIT_SBOM_SCAN_STAGE=build", "--push", "-t", repo, s.program())
		s.contains("the build", r.err, "cross (go)", "generating sbom")
		s.equal("steps that compile under an emulator", compiling.FindAllString(r.err, -1), []string(nil))
		s.contains("the packages", s.peer("imagetools", "inspect", repo+":latest", "--format", "{{json .SBOM}}"), "1 programs")
	})
}
