//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// onBothEngines are the cases that run on each engine; the others need one, since the engine has no part in them.
var onBothEngines = []string{"arg-with-default", "busybox-link", "base-of-one-platform", "loader-of-another-machine", "static", "multi-call", "deleted-later"}

// eachGateCase runs every case of testdata/gate/KIND, each beside others.
func eachGateCase(t *testing.T, kind string, tell func(*story, gateCase)) {
	t.Helper()
	t.Parallel()
	for _, c := range gateCases(t, kind) {
		for i, engine := range engineKinds {
			if i > 0 && !slices.Contains(onBothEngines, c.name) {
				continue
			}
			t.Run(c.name+"/"+engine.name, func(t *testing.T) {
				t.Parallel()
				tell(newStory(t, engine.variable), c)
			})
		}
	}
}

func TestAnImageThatWouldNotRunIsRefusedBeforeATagMoves(t *testing.T) {
	eachGateCase(t, "wrong", func(s *story, c gateCase) {
		repo := s.repo()
		r := s.build(c.words(s, "--push", "-t", repo)...)
		s.equal("the status", r.code, c.status)
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		for _, f := range c.findings {
			said := slices.ContainsFunc(slices.Collect(strings.Lines(r.err)), func(line string) bool {
				return (strings.Contains(line, f.Platform) || strings.Contains(line, "(all ")) && strings.Contains(line, f.Path) && (f.Line == 0 || strings.Contains(line, fmt.Sprintf("Dockerfile:%d", f.Line)))
			})
			if !said {
				s.Errorf("no line tells of %s, line %d:\n%s", f.short(), f.Line, r.err)
			}
		}
		s.verifyFinds(c, repo)
	})
}

// verifyFinds publishes an image without a check, and then checks the published image.
func (s *story) verifyFinds(c gateCase, repo string) {
	s.Helper()
	s.mustBuild(append(c.words(s, "--push", "-t", repo), "--verify=off")...)
	args := []string{"verify", "--format", "json", repo}
	if slices.Contains(c.with, "--verify=strict") {
		args = append(args, "--executables=strict")
	}
	r := s.noEngine(args...)
	s.equal("the status of verify", r.code, 1)
	var answer struct{ Findings []gateFinding }
	s.check(json.Unmarshal([]byte(r.out), &answer))
	c.has(s, "what verify finds", answer.Findings)
}

// has compares findings with the expected ones of a case. There may be additional notes.
func (c gateCase) has(s *story, what string, found []gateFinding) {
	s.Helper()
	want := words(c.findings)
	found = slices.DeleteFunc(slices.Clone(found), func(f gateFinding) bool { return f.Severity == "note" && !slices.Contains(want, f.short()) })
	s.equal(what, strings.Join(words(found), "\n"), strings.Join(want, "\n"))
}

// words returns findings in the compared form.
func words(findings []gateFinding) []string {
	list := []string{}
	for _, f := range findings {
		list = append(list, f.short())
	}
	slices.Sort(list)
	return list
}

func TestValidDocumentsPass(t *testing.T) {
	eachGateCase(t, "lawful", func(s *story, c gateCase) {
		repo := s.repo()
		s.mustBuild(c.words(s, "--push", "-t", repo, "--metadata-file", "meta")...)
		s.equal("whether the tag is there", s.exists(repo, "latest"), true)
		var m metadata
		s.check(json.Unmarshal([]byte(s.read("meta")), &m))
		var found []gateFinding
		for _, p := range m.Multiarch.Platforms {
			found = append(found, p.Verify.Findings...)
		}
		c.has(s, "the findings", found)
		for _, want := range c.findings {
			if !slices.ContainsFunc(found, func(f gateFinding) bool { return f.short() == want.short() && (f.Line == want.Line || want.Line == 0) }) {
				s.Errorf("%s is not said to come from line %d: %+v", want.short(), want.Line, found)
			}
		}
	})
}

func TestATagThatIsThereStaysWhenANewImageIsRefused(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo := s.repo()
		build := func(which string) result {
			return s.build("--platform", twoPlatforms, "-f", s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY static/linux/"+which+" /app", "CMD [\"/app\"]")+"/Dockerfile",
				"--push", "-t", repo, "-o", "type=oci,dest=app.tar", s.fixtures())
		}
		r := build("$TARGETARCH")
		s.equal("the status of what is right", r.code, 0)
		before, archive := s.remote(repo, "latest").digest, digestOf(s.read("app.tar"))
		r = build("amd64")
		s.equal("the status of what is wrong", r.code, 1)
		s.contains("the end", r.err, "No tag was moved", "linux/arm64", "/app", "Dockerfile:3")
		s.equal("the tag", s.remote(repo, "latest").digest, before)
		s.equal("the archive", digestOf(s.read("app.tar")), archive)
	})
}
