//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// inspected is the output of builder inspect for the only node of the story's builder.
type inspected struct {
	Status, Version, Config string
	Platforms, Fixed, Flags []string
	DriverOpts, Runs        map[string]string
	Cache                   *struct{ Total, Reclaimable int64 }
	Disk                    *struct{ Total, Free int64 }
	GCPolicy                []struct{ MaxUsedSpace int64 }
}

func (s *story) inspect(flags ...string) inspected {
	s.Helper()
	var row struct {
		Name    string
		Current bool
		Nodes   []inspected
	}
	text := s.mustDocker(append([]string{"multiarch", "builder", "inspect", "--format", "json"}, flags...)...)
	s.check(json.Unmarshal([]byte(text), &row))
	s.equal("the builder that is used and its being the current one", []any{row.Name, row.Current}, []any{s.builder, true})
	return row.Nodes[0]
}

func TestTheLifeOfABuilderThatIsMadeWithOptions(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		s.write("buildkitd.toml", "[worker.oci]\nmax-parallelism = 3\n")
		create := []string{
			"multiarch", "builder", "create", "--name", s.builder, "--driver", "docker-container", "--driver-opt", "memory=1g,env.COLOUR=green",
			"--driver-opt", "network=host", "--platform", "linux/arm64,linux/amd64", "--buildkitd-config", filepath.Join(s.dir, "buildkitd.toml"),
			"--buildkitd-flags", "--debug --allow-insecure-entitlement security.insecure", "--use",
		}
		s.equal("the output of create", s.mustDocker(create...), s.builder)
		again := s.docker(create...)
		s.equal("the status of making it again", again.code, 1)
		s.contains("the error", again.err, "exists already", "--node "+s.builder+"0", "builder rm "+s.builder)
		before := s.inspect()
		s.equal("it before the first build", []any{before.Status, before.Fixed}, []any{"stopped", "[linux/arm64 linux/amd64]"})
		made := s.container()

		// The chosen builder is used: the command names none.
		dir := s.cacheable()
		build := []string{"multiarch", "build", "--push", "-t", s.repo(), dir}
		s.mustDocker(build...)
		s.equal("the container after a build", s.container(), made)
		node := s.inspect()
		s.equal("it after a build", []any{node.Status, node.Flags, node.DriverOpts},
			[]any{"running", "[--debug --allow-insecure-entitlement security.insecure]", map[string]string{"env.COLOUR": "***", "memory": "1g"}})
		arch := "linux/" + s.mustDocker("version", "--format", "{{.Server.Arch}}")
		s.equal("how its engine runs its own programs", node.Runs[arch], "native")
		s.contains("its configuration", node.Config, "max-parallelism = 3", "gcpolicy", "50GB")
		if node.Cache == nil || node.Cache.Total == 0 || node.Disk == nil || node.Disk.Total <= node.Disk.Free || len(node.GCPolicy) == 0 {
			s.Errorf("cache, disk and garbage collection are %+v", node)
		}
		for _, rule := range node.GCPolicy {
			if rule.MaxUsedSpace > 140*node.Disk.Total/100 || rule.MaxUsedSpace == 0 {
				s.Errorf("of %d bytes, %d are for the cache", node.Disk.Total, rule.MaxUsedSpace)
			}
		}
		s.contains("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder+"*", "linux/arm64*")

		s.pruneStopped(dir)
		s.removed(regexp.MustCompile(`bridgeName = '(\w+)'`).FindStringSubmatch(node.Config))
	})
}

// pruneStopped stops the builder, which is in use, and empties its cache.
func (s *story) pruneStopped(dir string) {
	s.Helper()
	size := func() string {
		s.Helper()
		text := s.mustDocker("multiarch", "builder", "du")
		return strings.TrimSpace(text[strings.LastIndex(text, "Total:")+len("Total:"):])
	}
	state := func() string { return s.mustDocker("inspect", "--format", "{{.State.Status}}", containerOf(s.builder)) }
	s.mustDocker("multiarch", "builder", "stop")
	s.equal("the state of the stopped builder", state(), "exited")
	if size() == "0B" {
		s.Error("the cache of the stopped builder is empty")
	}
	records := s.mustDocker("multiarch", "builder", "du", "--filter", "type=regular", "--format", "{{json .}}")
	s.contains("the records", records, `"ID":`, `"Type":"regular"`)
	s.equal("the state after du", state(), "exited")
	r := s.run(call{args: []string{"multiarch", "builder", "prune"}, stdin: strings.NewReader("n\n")})
	s.equal("what was removed without a yes", r.out, "")
	s.contains("the question", r.err, "WARNING!", s.builder, "[y/N]")
	s.contains("what was removed", s.mustDocker("multiarch", "builder", "prune", "-a", "-f"), "Total:")
	s.equal("the state after prune", state(), "exited")
	s.equal("the size after prune", size(), "0B")
	s.chance(dir)
}

// removed removes the builder and searches for leftovers. bridge is the name of its network interface, second of two.
func (s *story) removed(bridge []string) {
	s.Helper()
	s.mustDocker("multiarch", "builder", "stop", s.builder)
	s.mustDocker("multiarch", "builder", "rm")
	s.equal("the containers", s.containers(), "[]")
	s.equal("the volumes", s.mustDocker("volume", "ls", "-q", "--filter", "name="+containerOf(s.builder)), "")
	if len(bridge) == 2 {
		host := interfaces(s.mustDocker("run", "--rm", "--network", "host", s.base, "cat", "/proc/net/dev"))
		s.equal("that the builder's bridge is left on the host", host[bridge[1]], false)
	}
	s.lacks("the list", s.mustDocker("multiarch", "builder", "ls"), s.builder)
	// It is no longer the current one.
	s.equal("the builder in use", s.docker("multiarch", "builder", "inspect", s.builder).code, 1)
	r := s.docker("multiarch", "builder", "use", s.builder)
	s.equal("the status of using what is gone", r.code, 1)
	s.contains("the error", r.err, "builder create --use --name "+s.builder)
}

func TestABuilderIsBootedAndChanged(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--bootstrap", "--use")
		s.equal("its status", s.inspect().Status, "running")
		dir := s.cacheable()
		chance := s.chance(dir)
		s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--node", s.builder+"0", "--driver-opt", "memory=1g")
		s.equal("its memory", s.mustDocker("inspect", "--format", "{{.HostConfig.Memory}}", s.containerName()), "1073741824")
		s.equal("its status after booting", s.inspect("--bootstrap").Status, "running")
		s.equal("what the step made", s.chance(dir), chance)

		s.mustDocker("multiarch", "builder", "rm", s.builder)
		bad := s.docker("multiarch", "builder", "create", "--name", s.builder, "--buildkitd-flags", "--no-such-flag", "--bootstrap")
		s.equal("the status of a builder that cannot start", bad.code, 1)
		s.contains("the error", bad.err, "no-such-flag")
		s.equal("the containers", s.containers(), "[]")
		s.equal("the volumes", s.mustDocker("volume", "ls", "-q", "--filter", "name="+containerOf(s.builder)), "")
	})
}

// flagsOf returns the flags in the text of --help, with the names of their values' types.
func flagsOf(help string) map[string]string {
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)(?: ([a-zA-Z]+))?  +\S`).FindAllStringSubmatch(help, -1) {
		found[m[1]] = m[2]
	}
	return found
}

func TestTheBuilderCommandsHaveTheFlagsOfBuildx(t *testing.T) {
	onEachEngine(t, func(s *story) {
		buildx := need(s.T, "MULTIARCH_E2E_BUILDX")
		for _, command := range []string{"create", "use", "inspect", "ls", "stop", "rm", "du", "prune"} {
			theirs := flagsOf(s.startProgram(buildx, call{args: []string{command, "--help"}}).wait().out)
			ours := flagsOf(s.mustDocker("multiarch", "builder", command, "--help"))
			delete(theirs, "debug") // about the program, not about builders
			delete(theirs, "help")  // about the command
			if len(theirs) == 0 {
				s.Errorf("buildx %s has no flags", command)
			}
			for name, kind := range theirs {
				if got, ok := ours[name]; !ok || got != kind {
					s.Errorf("%s --%s %s is %q here", command, name, kind, got)
				}
			}
		}
	})
}

func TestTheDocumentedWordsOfBuildxsListAreAnsweredAlike(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		s.mustDocker("multiarch", "builder", "create", "--name", s.builder, "--bootstrap", "--use")
		env := []string{"BUILDX_CONFIG=" + filepath.Join(s.home, "buildx")}
		buildx := func(args ...string) string {
			s.Helper()
			r := s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"), call{args: args, env: env}).wait()
			s.equal("the status of buildx", r.code, 0)
			return r.out
		}
		s.Cleanup(func() {
			s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"), call{args: []string{"rm", s.builder}, env: env}).wait()
		})
		buildx("create", "--name", s.builder, "--driver", "docker-container", "--bootstrap", "--use")
		type list struct {
			Name, Driver string
			Current      bool
			Nodes        []struct{ Name, Status, Version string }
		}
		read := func(text string) (l list) {
			s.Helper()
			for line := range strings.Lines(text) {
				if strings.Contains(line, `"`+s.builder+`"`) {
					s.check(json.Unmarshal([]byte(line), &l))
				}
			}
			return l
		}
		ours, theirs := read(s.mustDocker("multiarch", "builder", "ls", "--format", "json")), read(buildx("ls", "--format", "json"))
		s.equal("what builder ls says", ours, theirs)
		words := "{{.Name}} {{.DriverEndpoint}} {{.Status}} {{.Buildkit}} {{.Error}}"
		s.contains("its words", s.mustDocker("multiarch", "builder", "ls", "--format", words), s.builder+" docker-container running "+theirs.Nodes[0].Version)
		// The cache of a builder that has built nothing has the same description.
		s.equal("du", s.mustDocker("multiarch", "builder", "du", "--format", "json"), strings.TrimSpace(buildx("du", "--format", "json")))
	})
}
