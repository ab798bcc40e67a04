package main

import (
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

func TestFlagsAreTheOptions(t *testing.T) {
	got := parsed(t,
		"--add-host", "a:1.2.3.4,b:5.6.7.8", "--build-arg", "A=1,2", "--build-arg", "B", "--build-context", "x=y", "-f", "d/Dockerfile", "--iidfile", "i",
		"--label", "l=1", "--metadata-file", "m", "--network", "none", "--no-cache", "--platform", "linux/amd64,arm64", "--platform", "riscv64", "--progress", "plain",
		"--pull", "--push", "--secret", "id=s", "--ssh", "default", "-t", "a", "--tag", "b:c", "--target", "final", "--emulators", "never", "--index", "--jobs", "3",
		"--media-types", "docker", "--builder", "mine", "--builder-image", "img", "--builder-config", "c.toml", "--driver-opt", "network=host", "-q", "dir")
	unexported := cmp.Exporter(func(reflect.Type) bool { return true })
	want := buildOptions{
		contextPath: "dir", addHosts: []string{"a:1.2.3.4", "b:5.6.7.8"}, buildArgs: []string{"A=1,2", "B"}, buildContexts: []string{"x=y"},
		labels: []string{"l=1"}, platforms: []string{"linux/amd64,arm64", "riscv64"}, secrets: []string{"id=s"}, ssh: []string{"default"}, tags: []string{"a", "b:c"},
		dockerfiles: []string{"d/Dockerfile"}, targets: []string{"final"}, network: "none", progress: progressOptions{mode: "plain"}, iidFile: "i", metadataFile: "m",
		noCache: true, pull: true, output: outputOptions{push: true}, quiet: true, index: true, jobs: 3, mediaTypes: "docker", emulators: "never",
		builder: cli.BuilderOptions{Name: "mine", Image: "img", Config: "c.toml", DriverOpts: []string{"network=host"}}, cache: cacheOptions{mounts: "auto"},
		call: callOptions{method: "build"}, gate: cli.GateOptions{Mode: "on"},
	}
	if diff := cmp.Diff(want, got, unexported); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = parsed(t, ".")
	want = buildOptions{
		contextPath: ".", network: "default", progress: progressOptions{mode: "auto"}, emulators: "auto", call: callOptions{method: "build"},
		cache: cacheOptions{mounts: "auto"}, gate: cli.GateOptions{Mode: "on"},
	}
	if diff := cmp.Diff(want, got, unexported); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestSecretsAsDockerBuildxReadsThem(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"key", "token", "both"} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lookup := func(name string) (string, bool) { return "x", name == "VAR" || name == "both" }
	for in, want := range map[string][3]string{ // id, file, variable
		"id=a,src=key":           {"a", "key", ""},
		"id=a,source=key":        {"a", "key", ""},
		"type=file,id=a,src=key": {"a", "key", ""},
		"id=a,env=VAR":           {"a", "", "VAR"},
		"type=env,id=VAR":        {"VAR", "", "VAR"},
		"type=env,id=a,src=VAR":  {"a", "", "VAR"},
		"id=token":               {"token", "token", ""},
		"id=both":                {"both", "", "both"},
		"type=file,id=both":      {"both", "both", ""},
		"src=key":                {"key", "key", ""},
	} {
		got, err := parseSecret(in, lookup)
		if err != nil || [3]string{got.ID, got.FilePath, got.Env} != want {
			t.Errorf("%s: got %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "id", "id=a,type=x,src=key", "id=a,what=key", "type=file"} {
		if _, err := parseSecret(in, lookup); err == nil {
			t.Errorf("%q is taken", in)
		}
	}
}

func TestBuildArgumentsAndHosts(t *testing.T) {
	env := map[string]string{"FROM_ENV": "e", "SOURCE_DATE_EPOCH": "1"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	args, err := parseBuildArgs([]string{"A=1", "B=", "C=x=y", "FROM_ENV", "NOT_SET", "A=2"}, lookup)
	if err != nil {
		t.Fatal(err)
	}
	if err := addEpoch(args, lookup); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "2", "B": "", "C": "x=y", "FROM_ENV": "e", "SOURCE_DATE_EPOCH": "1"}
	if diff := cmp.Diff(want, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	hidden := addProxies(args, map[string]string{"HTTP_PROXY": "http://ann:secret@p", "NO_PROXY": "x", "b": "http://ann:secret@not-this-one"})
	if args["HTTP_PROXY"] != "http://ann:secret@p" || args["b"] != "" {
		t.Errorf("with proxies: %v", args)
	}
	if diff := cmp.Diff(map[string]string{"http://ann:secret@p": "http://ann:xxxxx@p"}, hidden); diff != "" {
		t.Errorf("hidden (-want +got):\n%s", diff)
	}
	hosts, err := parseHosts([]string{"a:1.2.3.4", "b=::1", "c:::1", "d:[::1]", "e=1.2.3.4,[::2]", "f:host-gateway"})
	if diff := cmp.Diff([]string{"a=1.2.3.4", "b=::1", "c=::1", "d=::1", "e=1.2.3.4", "e=::2", "f=host-gateway"}, hosts); diff != "" || err != nil {
		t.Errorf("hosts (-want +got):\n%s%v", diff, err)
	}
	labels, err := parseLabels([]string{"a=1", "b", "c=", "a=2=3"})
	if diff := cmp.Diff(map[string]string{"a": "2=3", "b": "", "c": ""}, labels); diff != "" || err != nil {
		t.Errorf("labels (-want +got):\n%s%v", diff, err)
	}
}

func TestProgressModes(t *testing.T) {
	for _, tt := range []struct{ flag, quiet, env, want string }{
		{"auto", "", "", "auto"},
		{"auto", "", "plain", "plain"},
		{"tty", "", "plain", "tty"},
		{"none", "", "", "quiet"},
		{"auto", "q", "plain", "quiet"},
		{"quiet", "q", "", "quiet"},
	} {
		w := &cli.Env{LookupEnv: func(string) (string, bool) { return tt.env, tt.env != "" }}
		got, err := displayMode(w, buildOptions{progress: progressOptions{mode: tt.flag}, quiet: tt.quiet != ""})
		if err != nil || string(got) != tt.want {
			t.Errorf("%+v: got %s, %v", tt, got, err)
		}
	}
}
