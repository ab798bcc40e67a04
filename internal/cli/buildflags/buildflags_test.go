package buildflags

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func entries(list ...buildcache.Entry) []buildcache.Entry { return list }

func TestCachesAsDockerBuildxReadsThem(t *testing.T) {
	registry := func(ref string) buildcache.Entry {
		return buildcache.Entry{Type: "registry", Attrs: map[string]string{"ref": ref}}
	}
	runner := map[string]string{"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_CACHE_URL": "u1", "ACTIONS_RESULTS_URL": "u2"}
	for value, test := range map[string]struct {
		env  map[string]string
		want []buildcache.Entry
	}{
		"user/app:cache":        {nil, entries(registry("user/app:cache"))},
		"user/app:a,user/app:b": {nil, entries(registry("user/app:a"), registry("user/app:b"))},
		"":                      {nil, nil},
		"type=registry,ref=r/c:{{platform}},MODE=max": {nil, entries(buildcache.Entry{
			Type: "registry", Attrs: map[string]string{"ref": "r/c:{{platform}}", "mode": "max"},
		})},
		`type=s3,"name=a;b,c",bucket=k`: {
			map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session"},
			entries(buildcache.Entry{Type: "s3", Attrs: map[string]string{
				"name": "a;b,c", "bucket": "k", "access_key_id": "id", "secret_access_key": "secret", "session_token": "session",
			}}),
		},
		"type=s3,bucket=k,access_key_id=a,secret_access_key=b": {
			map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SESSION_TOKEN": "session"},
			entries(buildcache.Entry{Type: "s3", Attrs: map[string]string{"bucket": "k", "access_key_id": "a", "secret_access_key": "b"}}),
		},
		"type=gha":              {nil, nil},
		"type=gha,scope=s":      {runner, entries(buildcache.Entry{Type: "gha", Attrs: map[string]string{"scope": "s", "token": "t", "url": "u1"}})},
		"type=gha,url=u":        {map[string]string{"ACTIONS_RUNTIME_TOKEN": ""}, nil},
		"type=gha,url=u,token=": {runner, nil},
		"type=gha,token=mine": {
			map[string]string{"ACTIONS_CACHE_SERVICE_V2": "true", "ACTIONS_RESULTS_URL": "u2"},
			entries(buildcache.Entry{Type: "gha", Attrs: map[string]string{"token": "mine", "url": "u2", "url_v2": "u2"}}),
		},
		"type=azblob,account_url=https://x": {nil, entries(buildcache.Entry{Type: "azblob", Attrs: map[string]string{"account_url": "https://x"}})},
	} {
		t.Run(value, func(t *testing.T) {
			lookup := func(name string) (string, bool) { v, ok := test.env[name]; return v, ok }
			for flag, check := range map[string]func(buildcache.Entry) error{"--cache-from": checkImport, "--cache-to": checkExport} {
				got, err := parseCaches(flag, []string{value}, lookup, check)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", flag, diff)
				}
			}
		})
	}
}

func TestOnlyAPlatformThatIsAskedForIsAPrefix(t *testing.T) {
	asked, _, err := platform.Parse("linux/amd64,linux/arm64,linux/arm/v7,windows(10.0.17763)/amd64")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string][2]string{
		"linux/arm64:KEY=V":                {"linux/arm64", "KEY=V"},
		"linux/arm64/v8:KEY=V":             {"linux/arm64", "KEY=V"},
		"linux/aarch64:KEY=http://x/y":     {"linux/arm64", "KEY=http://x/y"},
		"Linux/ARM/v7:Dockerfile.arm":      {"linux/arm/v7", "Dockerfile.arm"},
		"linux/arm64:C:\\work\\Dockerfile": {"linux/arm64", "C:\\work\\Dockerfile"},
		"windows(10.0.17763)/amd64:x":      {"windows(10.0.17763)/amd64", "x"},
		"KEY=http://x":                     {"", "KEY=http://x"},
		"KEY=linux/arm64:x":                {"", "KEY=linux/arm64:x"},
		"http://example.com/Dockerfile":    {"", "http://example.com/Dockerfile"},
		"C:\\work\\Dockerfile":             {"", "C:\\work\\Dockerfile"},
		"C:/work/Dockerfile":               {"", "C:/work/Dockerfile"},
		"docker.io/library/x:1":            {"", "docker.io/library/x:1"},
		"path/to:file":                     {"", "path/to:file"},
		"arm64:KEY=V":                      {"", "arm64:KEY=V"}, // no slash
		"./linux/arm64:x":                  {"", "./linux/arm64:x"},
		"linux/arm64":                      {"", "linux/arm64"},
		"":                                 {"", ""},
	} {
		own, rest, err := forPlatform(in, asked)
		if got := [2]string{own, rest}; got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
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
	args, err := ParseBuildArgs([]string{"A=1", "B=", "C=x=y", "FROM_ENV", "NOT_SET", "A=2"}, lookup)
	if err != nil {
		t.Fatal(err)
	}
	if err := AddEpoch(args, lookup); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "2", "B": "", "C": "x=y", "FROM_ENV": "e", "SOURCE_DATE_EPOCH": "1"}
	if diff := cmp.Diff(want, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	hidden := AddProxies(args, map[string]string{"HTTP_PROXY": "http://ann:secret@p", "NO_PROXY": "x", "b": "http://ann:secret@not-this-one"})
	if args["HTTP_PROXY"] != "http://ann:secret@p" || args["b"] != "" {
		t.Errorf("with proxies: %v", args)
	}
	if diff := cmp.Diff(map[string]string{"http://ann:secret@p": "http://ann:xxxxx@p"}, hidden); diff != "" {
		t.Errorf("hidden (-want +got):\n%s", diff)
	}
	hosts, err := ParseHosts([]string{"a:1.2.3.4", "b=::1", "c:::1", "d:[::1]", "e=1.2.3.4,[::2]", "f:host-gateway"})
	if diff := cmp.Diff([]string{"a=1.2.3.4", "b=::1", "c=::1", "d=::1", "e=1.2.3.4", "e=::2", "f=host-gateway"}, hosts); diff != "" || err != nil {
		t.Errorf("hosts (-want +got):\n%s%v", diff, err)
	}
	labels, err := ParseLabels([]string{"a=1", "b", "c=", "a=2=3"})
	if diff := cmp.Diff(map[string]string{"a": "2=3", "b": "", "c": ""}, labels); diff != "" || err != nil {
		t.Errorf("labels (-want +got):\n%s%v", diff, err)
	}
}
