//go:build e2e

package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// helpFlag matches a line of --help: the letter, the name, and the type of the flag's value.
var helpFlag = regexp.MustCompile(`(?m)^ +(?:-(\w), )?--([a-z-]+)(?: (\w+))?  `)

// helpOf returns the flags that a program's build command shows, by name: the letter.
func (s *story) helpOf(program string, args ...string) map[string]string {
	s.Helper()
	r := s.startProgram(program, call{args: args}).wait()
	s.equal("the status of --help", r.code, 0)
	flags := map[string]string{}
	for _, m := range helpFlag.FindAllStringSubmatch(r.out, -1) {
		flags[m[2]] = m[1]
	}
	return flags
}

// tableOfFlags returns the entry of docs/build-flags.md for each flag: its letter, and same, better, not or ours.
func (s *story) tableOfFlags() map[string][2]string {
	s.Helper()
	data, err := os.ReadFile("../docs/build-flags.md")
	s.check(err)
	table := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)`(?:, `-(.)`)? \\| (\\w+) \\| ?(.*)\\|$").FindAllStringSubmatch(string(data), -1) {
		table[m[1]] = [2]string{m[2], m[3]}
		if strings.HasPrefix(m[4], "hidden") {
			table[m[1]] = [2]string{m[2], "hidden"}
		}
	}
	return table
}

func TestTheTableOfFlagsHasEveryFlagOfThePeer(t *testing.T) {
	s := newStory(t, "MULTIARCH_E2E_CLASSIC")
	buildx := need(t, "MULTIARCH_E2E_BUILDX")
	table, peer, ours := s.tableOfFlags(), s.helpOf(buildx, "build", "--help"), s.helpOf("docker", "multiarch", "build", "--help")
	if len(peer) < 30 {
		s.Fatalf("the peer's help shows %d flags only: %v", len(peer), sortedKeys(peer))
	}
	for _, name := range sortedKeys(peer) {
		row, ok := table[name]
		if !ok || row[1] == "ours" || row[1] == "hidden" {
			s.Errorf("the peer has --%s; docs/build-flags.md says %q", name, row[1])
		}
		s.equal("the letter of --"+name+" in docs/build-flags.md", row[0], peer[name])
		if letter, has := ours[name]; name != "help" && row[1] != "not" && (!has || letter != peer[name]) {
			s.Errorf("--%s is %q in the table, and not in docker multiarch build --help with the letter %q", name, row[1], peer[name])
		}
	}
	for name, row := range table {
		if _, shown := peer[name]; shown || row[1] == "ours" {
			continue
		}
		for _, program := range [][]string{{buildx, "build"}, {"docker", "multiarch", "build"}} {
			r := s.startProgram(program[0], call{args: append(program[1:], "--"+name+"=1", "--help")}).wait()
			if r.code != 0 {
				s.Errorf("%s does not know --%s: %s", program[0], name, r.err)
			}
		}
	}
}

// besidePeer gives the story a builder of the peer's with our BuildKit, and returns the words that select it.
func (s *story) besidePeer() []string {
	s.Helper()
	s.mustBuild("-q", "--check", s.dockerfile("FROM $BASE", "RUN true"))
	s.peer("create", "--name", "peer", "--driver", "remote", "docker-container://"+containerOf(s.builder))
	return []string{"build", "--builder", "peer", "-q"}
}

func TestAnswersOfTheFrontendAreThoseOfThePeerByteForByte(t *testing.T) {
	onEachEngine(t, func(s *story) {
		peer := s.besidePeer()
		dir := s.folder(files{
			"Dockerfile": s.onBase("from $BASE as Build", "MAINTAINER me", "ARG FOO=1", "RUN true", "# the last one", "FROM scratch AS final", "COPY --from=Build /bin/sh /"),
			"broken":     "FROM scratch\nCOOPY x /\n",
			"fine":       s.onBase("FROM $BASE", "RUN true"),
		})
		for _, asked := range [][]string{
			{"--check"},
			{"--call=check,ignorestatus=true"},
			{"--call=outline"},
			{"--call=outline", "--target", "build"},
			{"--call=targets"},
			{"--call=targets,format=json"},
			{"--call=subrequests.describe"},
			{"--check", "-f", dir + "/fine"},
			{"--check", "-f", dir + "/broken"},
			{"--call=outline", "-f", dir + "/broken"},
			{"--call=nonsense"},
			{"--check", "--push", "-t", "localhost:5000/never/pushed"},
		} {
			env := []string{"BUILDX_CONFIG=" + s.home + "/buildx"}
			want := s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"), call{args: append(append(append([]string{}, peer...), asked...), dir), env: env}).wait()
			got := s.build(append(append([]string{"-q"}, asked...), dir)...)
			what := strings.Join(asked, " ")
			s.equal("the status of "+what, got.code, want.code)
			s.equal("the answer to "+what, got.out, want.out)
		}
	})
}
