package buildcmd

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestNamesPlatformsAndMediaTypesComeFromFlagsElseEnvironmentElseTheProjectsFile(t *testing.T) {
	const file = "image: [HOST/file:1, HOST/file:2]\nplatforms: linux/s390x\nmedia-types: docker\n"
	env := map[string]string{"DOCKER_MULTIARCH_IMAGE": "HOST/env", "DOCKER_DEFAULT_PLATFORM": "linux/arm64"}
	type result struct{ Tags, Platforms, Family, Note string }
	for name, tt := range map[string]struct {
		file string
		env  map[string]string
		args []string
		want result
	}{
		"flags": {
			file, env,
			[]string{"-t", "HOST/flag", "--platform", "linux/amd64", "--media-types", "oci"},
			result{"HOST/flag:latest", "linux/amd64", "oci", ""},
		},
		"environment": {file, env, nil, result{"HOST/env:latest", "linux/arm64", "docker", "pushing to HOST/env:latest (DOCKER_MULTIARCH_IMAGE)"}},
		"several names in the environment": {
			"",
			map[string]string{"DOCKER_MULTIARCH_IMAGE": "HOST/a:1,HOST/b"},
			nil,
			result{"HOST/a:1 HOST/b:latest", "", "oci", "pushing to HOST/a:1, HOST/b:latest (DOCKER_MULTIARCH_IMAGE)"},
		},
		"the file": {
			file, nil, nil, result{"HOST/file:1 HOST/file:2", "linux/s390x", "docker", "pushing to HOST/file:1, HOST/file:2 (.docker-multiarch.yaml)"},
		},
		"an empty file":        {"", nil, []string{"-t", "HOST/flag"}, result{"HOST/flag:latest", "", "oci", ""}},
		"a file with comments": {"# nothing yet\n", nil, []string{"-t", "HOST/flag"}, result{"HOST/flag:latest", "", "oci", ""}},
		"each on its own": {
			"image: HOST/file\n",
			map[string]string{"DOCKER_DEFAULT_PLATFORM": "arm64,amd64"},
			nil,
			result{"HOST/file:latest", "linux/arm64 linux/amd64", "oci", "pushing to HOST/file:latest (.docker-multiarch.yaml)"},
		},
		"variables": {
			"image: HOST/${TEAM}/app:${VERSION}\n",
			map[string]string{"TEAM": "core", "VERSION": "1.2", "DOCKER_MULTIARCH_ALLOW_ENV": "OTHER TEAM"},
			nil,
			result{"HOST/core/app:1.2", "", "oci", "pushing to HOST/core/app:1.2 (.docker-multiarch.yaml)"},
		},
		"a platform twice": {
			"", nil,
			[]string{"-t", "HOST/flag", "--platform", "linux/arm64,aarch64"},
			result{"HOST/flag:latest", "linux/arm64", "oci", `"aarch64" is the same platform as "linux/arm64": built once`},
		},
		"a tag twice": {"", nil, []string{"-t", "HOST/flag", "-t", "HOST/flag:latest"}, result{"HOST/flag:latest", "", "oci", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			s.Write(project.Name, tt.file)
			for k, v := range tt.env {
				s.Vars[k] = strings.ReplaceAll(v, "HOST", s.Host)
			}
			args := append([]string{"--push", "."}, tt.args...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "HOST", s.Host)
			}
			j, err := parseBuild(t.Context(), s.Env, parsed(t, args...))
			if err != nil {
				t.Fatal(err)
			}
			defer j.release()
			var tags, platforms []string
			for _, tag := range j.request.Tags {
				tags = append(tags, tag.String())
			}
			for _, p := range j.request.Platforms {
				platforms = append(platforms, platform.Format(p))
			}
			got := result{strings.Join(tags, " "), strings.Join(platforms, " "), string(j.request.MediaTypes), strings.Join(linesOf(j.notes), "; ")}
			for _, text := range []*string{&got.Tags, &got.Note} {
				*text = strings.ReplaceAll(*text, s.Host, "HOST")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADestinationThatIsNotOnTheCommandLineIsPrintedBeforeTheBuild(t *testing.T) {
	for _, quiet := range []string{"-q=false", "-q"} {
		s := newHarness(t)
		s.Write(project.Name, "image: HOST/app\n")
		before := ""
		s.Read = func(_ context.Context, _ platform.Platform) error { before = s.Err.String(); return nil }
		if status := s.Command("build", "--push", quiet, "."); status != 0 {
			t.Fatalf("status %d:\n%s", status, s.Err.String())
		}
		if quiet == "-q" {
			clitest.Contains(t, before, "pushing to "+s.Host+"/app:latest (.docker-multiarch.yaml)")
		} else {
			clitest.Contains(t, s.Err.String(), "pushing to "+s.Host+"/app:latest (.docker-multiarch.yaml)")
		}
	}
}

func TestAProjectsRootNeedsNoContextArgument(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "--push"); status != cli.ExitUsage || s.Connects != 0 {
		t.Errorf("without a project: status %d, %d connections", status, s.Connects)
	}
	s.Write(project.Name, "image: HOST/app\n")
	if status := s.Command("build", "--push", "-q"); status != 0 {
		t.Fatalf("status %d:\n%s", status, s.Err.String())
	}
	clitest.Contains(t, s.Out.String(), s.Host+"/app@sha256:")
}

func TestTheProjectsFileIsNotReadForOtherContexts(t *testing.T) {
	for name, args := range map[string][]string{
		"git":   {"build", "--push", "https://github.com/me/app.git"},
		"http":  {"build", "--push", "https://example.com/app.tar"},
		"stdin": {"build", "--push", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			s.Env.In = strings.NewReader("FROM scratch\n")
			s.Write(project.Name, "image: HOST/stolen\n")
			if status := s.Command(args...); status != cli.ExitUsage || s.Connects != 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), "ERROR: no image name")
		})
	}
}

func TestBadInputIsRefusedBeforeAnyWork(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		file string
		want []string
	}{
		"no name from anywhere": {[]string{"--push", "."}, "", []string{"no image name", "Hint: use -t NAME[:TAG]", "DOCKER_MULTIARCH_IMAGE", project.Name}},
		"a name without output": {[]string{"-t", "app", "."}, "", []string{`no output was given for "app:latest"`, "Hint: add --push"}},
		"an unknown platform":   {[]string{"--push", "-t", "app", "--platform", "linux/amr64", "."}, "", []string{"--platform", `"linux/amr64"`, `did you mean "linux/arm64"`}},
		"an empty platform":     {[]string{"--push", "-t", "app", "--platform", "linux/amd64,", "."}, "", []string{"--platform: ", "empty platform"}},
		"a missing context":     {[]string{"--push", "-t", "app", "nowhere"}, "", []string{`the build context "nowhere" does not exist`}},
		"a missing Dockerfile":  {[]string{"--push", "-t", "app", "-f", "nothing", "."}, "", []string{`there is no Dockerfile at "nothing"`}},
		"no context":            {[]string{"--push", "-t", "app"}, "", []string{"needs one argument, the build context", "Hint: see 'docker-multiarch build --help'"}},
		"two contexts":          {[]string{"--push", "-t", "app", "a", "b"}, "", []string{"needs one argument"}},
		"a bad tag":             {[]string{"--push", "-t", "App", "."}, "", []string{`-t: invalid image name "App"`, "lowercase"}},
		"a tag with a digest": {
			[]string{"--push", "-t", "app@sha256:" + strings.Repeat("a", 64), "."}, "", []string{"a digest cannot be chosen, give a tag"},
		},
		"an unset variable":       {[]string{"--push", "-t", "app:${NOPE}", "."}, "", []string{`-t: "app:${NOPE}": the environment variable NOPE is not set`}},
		"an empty variable":       {[]string{"--push", "-t", "app:${EMPTY}", "."}, "", []string{"EMPTY is not set"}},
		"an unclosed variable":    {[]string{"--push", "-t", "app:${NOPE", "."}, "", []string{"there is no } after ${"}},
		"unknown media types":     {[]string{"--push", "-t", "app", "--media-types", "oic", "."}, "", []string{`--media-types: "oic" is not one of oci, docker`}},
		"an unknown flag":         {[]string{"--psuh", "."}, "", []string{"unknown flag: --psuh", "docker-multiarch build --help"}},
		"a flag of another kind":  {[]string{"--jobs", "many", "."}, "", []string{"--jobs", "many"}},
		"negative jobs":           {[]string{"--push", "-t", "app", "--jobs", "-1", "."}, "", []string{"--jobs -1"}},
		"an unknown progress":     {[]string{"--push", "-t", "app", "--progress", "fancy", "."}, "", []string{`--progress "fancy" is not one of`}},
		"quiet and plain":         {[]string{"--push", "-t", "app", "-q", "--progress", "plain", "."}, "", []string{"-q and --progress plain contradict each other"}},
		"a terminal that is none": {[]string{"--push", "-t", "app", "--progress", "tty", "."}, "", []string{"--progress tty: "}},
		"an unknown network":      {[]string{"--push", "-t", "app", "--network", "mynet", "."}, "", []string{`--network "mynet" is not one of default, none, host`}},
		"unknown emulators":       {[]string{"--push", "-t", "app", "--emulators", "yes", "."}, "", []string{`--emulators "yes" is not one of auto, never`}},
		"an unknown fallback":     {[]string{"--push", "-t", "app", "--fallback", "always", "."}, "", []string{`--fallback "always" is not one of never, emulate`}},
		"a bad fallback in the file": {
			[]string{"--push", "."}, "image: app\nfallback: always\n", []string{project.Name + `: fallback "always" is not one of never, emulate`},
		},
		"a bad host":              {[]string{"--push", "-t", "app", "--add-host", "a", "."}, "", []string{`--add-host "a" is not of the form host:ip`}},
		"a bad build argument":    {[]string{"--push", "-t", "app", "--build-arg", "=x", "."}, "", []string{`--build-arg "=x" is not of the form KEY=VALUE or KEY`}},
		"a bad label":             {[]string{"--push", "-t", "app", "--label", "=x", "."}, "", []string{`--label "=x" is not of the form KEY=VALUE`}},
		"a bad build context":     {[]string{"--push", "-t", "app", "--build-context", "x", "."}, "", []string{`--build-context "x" is not of the form name=path`}},
		"a secret without file":   {[]string{"--push", "-t", "app", "--secret", "id=a,src=nothing", "."}, "", []string{`--secret "id=a,src=nothing": `, "no such file"}},
		"a secret nowhere":        {[]string{"--push", "-t", "app", "--secret", "id=NOPE", "."}, "", []string{`--secret "id=NOPE": `, "the environment variable NOPE is not set", `the file "NOPE" does not exist`}},
		"a secret without value":  {[]string{"--push", "-t", "app", "--secret", "id=a,env=NOPE", "."}, "", []string{"the environment variable NOPE is not set"}},
		"a key that is not there": {[]string{"--push", "-t", "app", "--ssh", "x=nothing", "."}, "", []string{"--ssh: ", "nothing"}},
		"a bad builder name":      {[]string{"--push", "-t", "app", "--builder", "a/b", "."}, "", []string{`--builder: invalid builder name "a/b"`}},
		"an iidfile nowhere":      {[]string{"--push", "-t", "app", "--iidfile", "nowhere/iid", "."}, "", []string{"--iidfile: ", "no such file"}},
		"metadata nowhere":        {[]string{"--push", "-t", "app", "--metadata-file", ".", "."}, "", []string{"--metadata-file: ", "is a directory"}},
		"an unknown key":          {[]string{"--push", "."}, "image: app\nplatform-list: [linux/amd64]\n", []string{project.Name + `: line 2: unknown key "platform-list" (the keys are image, platforms, media-types, cross, fallback)`}},
		"a key of another kind":   {[]string{"--push", "."}, "image: {a: b}\n", []string{project.Name + ": line 1: the value must be a string or a list of strings"}},
		"no YAML":                 {[]string{"--push", "."}, "image: [\n", []string{project.Name + ": line "}},
		"a bad platform in the file": {
			[]string{"--push", "."}, "image: app\nplatforms: [linux/amd46]\n", []string{project.Name + ": ", `"linux/amd46"`},
		},
		"a bad name in the file": {[]string{"--push", "."}, "image: a b\n", []string{project.Name + `: invalid image name "a b"`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			s.Vars["EMPTY"] = ""
			if tt.file != "" {
				s.Write(project.Name, tt.file)
			}
			start := time.Now()
			if status := s.Command(append([]string{"build"}, tt.args...)...); status != cli.ExitUsage {
				t.Errorf("status %d", status)
			}
			clitest.Contains(t, s.Err.String(), tt.want...)
			if s.Connects != 0 || len(s.Faults.Requests()) != 0 || s.Out.String() != "" || time.Since(start) > time.Second {
				t.Errorf("%d connections, requests %v, standard output %q, %s", s.Connects, s.Faults.Requests(), s.Out.String(), time.Since(start))
			}
			if strings.Contains(s.Err.String(), " yaml:") || strings.Contains(s.Err.String(), "!!") {
				t.Errorf("the message is in the library's words:\n%s", s.Err.String())
			}
		})
	}
}

func TestAReadOfStandardInputIsNotLeftBehind(t *testing.T) {
	s := newHarness(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, args := range [][]string{{"build", "--push", "-"}, {"build", "--push", "-q", "-t", "HOST/app", "-"}} {
		s.Env.In = strings.NewReader("FROM scratch\nLABEL a=b\n")
		s.Command(args...)
		if left, err := filepath.Glob(temp + "/*"); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
	if s.Tagged("app") == "" {
		t.Errorf("not built:\n%s", s.Err.String())
	}
}
