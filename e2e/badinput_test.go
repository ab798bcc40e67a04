//go:build e2e

package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadInputIsRefusedAtOnceAndNoBuilderIsMade(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		empty := s.folder(nil)
		for name, bad := range map[string]struct {
			args  []string
			words []string
		}{
			"no name":                     {[]string{"--push", dir}, []string{"no image name", "-t NAME", "DOCKER_MULTIARCH_IMAGE", ".docker-multiarch.yaml"}},
			"no output":                   {[]string{"-t", "x", dir}, []string{"no output was given for", "--push"}},
			"an unknown platform":         {[]string{"--platform", "linux/amd46", "--push", "-t", "x", dir}, []string{`"linux/amd46"`, "did you mean", "linux/amd64"}},
			"nonsense for a platform":     {[]string{"--platform", "a/b/c/d", "--push", "-t", "x", dir}, []string{"a/b/c/d"}},
			"a missing Dockerfile":        {[]string{"--push", "-t", "x", empty}, []string{"no Dockerfile", filepath.Join(empty, "Dockerfile")}},
			"another missing Dockerfile":  {[]string{"-f", "none/Dockerfile", "--push", "-t", "x", dir}, []string{"no Dockerfile", "none/Dockerfile"}},
			"a missing context":           {[]string{"--push", "-t", "x", "no-such-folder"}, []string{"no-such-folder", "does not exist"}},
			"a file for a context":        {[]string{"--push", "-t", "x", filepath.Join(dir, "Dockerfile")}, []string{"is not a directory"}},
			"a bad reference":             {[]string{"--push", "-t", "Bad:Name:1", dir}, []string{`"Bad:Name:1"`}},
			"a digest for a tag":          {[]string{"--push", "-t", "x@sha256:" + strings.Repeat("0", 64), dir}, []string{"digest", "give a tag"}},
			"an unset variable in a tag":  {[]string{"--push", "-t", "x:${NO_SUCH_VERSION}", dir}, []string{"NO_SUCH_VERSION", "not set"}},
			"no argument":                 {[]string{"--push", "-t", "x"}, []string{"build context"}},
			"two arguments":               {[]string{"--push", "-t", "x", dir, dir}, []string{"one argument"}},
			"unknown media types":         {[]string{"--media-types", "oic", "--push", "-t", "x", dir}, []string{`"oic"`, "oci, docker"}},
			"an unknown progress":         {[]string{"--progress", "fancy", "--push", "-t", "x", dir}, []string{`"fancy"`, "plain"}},
			"a missing secret":            {[]string{"--secret", "id=a,src=no-such-file", "--push", "-t", "x", dir}, []string{"no-such-file"}},
			"an unset secret":             {[]string{"--secret", "id=a,env=NO_SUCH_SECRET", "--push", "-t", "x", dir}, []string{"NO_SUCH_SECRET"}},
			"a malformed label":           {[]string{"--label", "=x", "--push", "-t", "x", dir}, []string{"--label", "KEY=VALUE"}},
			"a platform nobody asked for": {[]string{"--build-arg", "linux/s390x:A=1", "--platform", "linux/amd64", "--push", "-t", "x", dir}, []string{"linux/s390x is not one of the requested platforms"}},
			"a malformed ulimit":          {[]string{"--ulimit", "nofile", "--push", "-t", "x", dir}, []string{"--ulimit"}},
			"an unknown entitlement":      {[]string{"--allow", "root", "--push", "-t", "x", dir}, []string{"--allow", "security.insecure"}},
			"a Rego policy":               {[]string{"--policy", "filename=x.rego", "--push", "-t", "x", dir}, []string{"--policy", "only docker buildx"}},
			"a base that is not there":    {[]string{"--local-base", "no-such-base", "--push", "-t", "x", dir}, []string{"no-such-base", "the engine has no image"}},
			"a malformed host":            {[]string{"--add-host", "x", "--push", "-t", "x", dir}, []string{"--add-host", "host:ip"}},
			"a missing named context":     {[]string{"--build-context", "a=no-such-folder", "--push", "-t", "x", dir}, []string{"no-such-folder"}},
			"an unknown network":          {[]string{"--network", "mine", "--push", "-t", "x", dir}, []string{"mine", "default, none, host"}},
			"a negative number of jobs":   {[]string{"--jobs", "-1", "--push", "-t", "x", dir}, []string{"--jobs"}},
			"an unknown driver option":    {[]string{"--driver-opt", "colour=red", "--push", "-t", s.repo(), dir}, []string{"colour", "memory"}},
			"a bad name for a builder":    {[]string{"--builder", "a b", "--push", "-t", s.repo(), dir}, []string{`"a b"`}},
			"a missing builder config":    {[]string{"--builder-config", "none.toml", "--push", "-t", s.repo(), dir}, []string{"none.toml"}},
			"an unknown recipe":           {[]string{"--cross", "rust", "--push", "-t", "x", dir}, []string{"--cross", `"rust"`, "auto, off, go"}},
			"off and a recipe":            {[]string{"--cross", "off,go", "--push", "-t", "x", dir}, []string{`"off" stands alone`}},
			"an unknown recipe of a file": {[]string{"--push", s.folder(files{"Dockerfile": "FROM scratch\n", ".docker-multiarch.yaml": "image: x\ncross: [auto, rust]\n"})}, []string{".docker-multiarch.yaml: cross", `"rust"`}},
			"a file in a missing folder":  {[]string{"--metadata-file", "none/meta", "--push", "-t", "x", dir}, []string{"--metadata-file", "none/meta"}},
			"standard input for two uses": {[]string{"-f", "-", "--push", "-t", "x", "-"}, []string{"standard input", "both"}},
		} {
			s.Run(name, func(t *testing.T) {
				told := *s
				told.T = t
				told.refused(told.build(bad.args...), 125, bad.words...)
			})
		}
		s.equal("the containers of the builder", s.containers(), "[]")
	})
}

func TestAnEngineThatIsNotThereIsSaidAtOnce(t *testing.T) {
	onEachEngine(t, func(s *story) {
		dir := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		for _, host := range []string{"unix://" + s.dir + "/none.sock", "tcp://" + s.listen(func(l net.Listener) { _ = l.Close() })} {
			r := s.run(call{args: s.buildArgs("--push", "-t", s.repo(), dir), env: []string{"DOCKER_HOST=" + host}})
			s.refused(r, 1, host)
		}
	})
}

func TestAnEngineThatSaysNothingIsGivenUpInTime(t *testing.T) {
	onEachEngineAlone(t, func(s *story) { // it needs most of the five seconds, so nothing else should use the machine
		silent := "tcp://" + s.listen(func(net.Listener) {}) // connections are accepted, and nothing more
		r := s.run(call{
			args: s.buildArgs("--push", "-t", s.repo(), s.dockerfile("FROM scratch", "COPY Dockerfile /")), env: []string{"DOCKER_HOST=" + silent},
		})
		s.refused(r, 1, silent, "does not answer")
	})
}

func TestABrokenDockerfileIsShownOnceForAllPlatforms(t *testing.T) {
	onEachEngine(t, func(s *story) {
		r := s.build("--platform", three, "--push", "-t", s.repo(), s.dockerfile("FROM $BASE", "COOPY x /"))
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, "unknown instruction: COOPY", "all 3 platforms")
		s.equal("how often it is said", strings.Count(r.err, "ERROR: "), 1)
	})
}
