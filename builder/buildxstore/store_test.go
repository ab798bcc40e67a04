package buildxstore

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// written returns a store with these files.
func written(t *testing.T, files map[string]string) Store {
	t.Helper()
	s := Store{Dir: t.TempDir(), Drivers: map[string]string{"docker-container": "peers", "remote": "remote"}}
	if err := os.MkdirAll(filepath.Join(s.Dir, "instances"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, "instances", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestABuilderOfTheirsHasAllItsNodes(t *testing.T) {
	// As docker buildx v0.38.2 writes it.
	s := written(t, map[string]string{"farm": `{"Name":"farm","Driver":"remote","Nodes":[
		{"Name":"farm0","Endpoint":"tcp://a:1234","Platforms":[{"architecture":"amd64","os":"linux"}],"DriverOpts":{"cacert":"/ca.pem"},"Flags":null,"Files":null},
		{"Name":"arm","Endpoint":"unix:///b.sock","Platforms":[{"architecture":"arm","os":"linux","variant":"v7"},{"architecture":"arm64","os":"linux"}],
		 "DriverOpts":null,"Flags":["--debug"],"Files":{"buildkitd.toml":"ZGVidWcgPSB0cnVlCg=="}}],"Dynamic":false}`})
	amd, _, _ := platform.Parse("linux/amd64")
	arms, _, _ := platform.Parse("linux/arm/v7,linux/arm64")
	want := builder.Builder{Name: "farm", DefinedBy: filepath.Join(s.Dir, "instances", "farm"), KeptBy: "docker buildx", Nodes: []builder.Endpoint{
		{Builder: "farm", Node: "farm0", Driver: "remote", Address: "tcp://a:1234", Platforms: amd, Options: map[string]string{"cacert": "/ca.pem"}},
		{Builder: "farm", Node: "arm", Index: 1, Driver: "remote", Address: "unix:///b.sock", Platforms: arms, Flags: []string{"--debug"}},
	}}
	for _, name := range []string{"farm", "Farm"} {
		got, found, err := s.Builder(name)
		if err != nil || !found || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %t, %v", got, found, err)
		}
	}
	if _, found, err := s.Builder("other"); found || err != nil {
		t.Errorf("another: %t, %v", found, err)
	}
	if _, found, err := (Store{Dir: filepath.Join(s.Dir, "none")}).Builder("farm"); found || err != nil {
		t.Errorf("no folder: %t, %v", found, err)
	}
	if got := s.Names(); !reflect.DeepEqual(got, []string{"farm"}) {
		t.Errorf("names: %q", got)
	}
}

func TestABuilderOfTheirsThatCannotBeUsedIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"{":                                    "unexpected end",
		`{"Driver":"remote"}`:                  "no nodes",
		`{"Nodes":[{"Name":"a"}]}`:             "no driver",
		`{"Driver":"kubernetes","Nodes":[{}]}`: `its driver "kubernetes" is not supported yet`,
		`{"Driver":"remote","Nodes":[{"Name":"../a","Endpoint":"tcp://a:1"}]}`: "no valid name",
		`{"Driver":"remote","Nodes":[{"Name":"a"}]}`:                           "no endpoint",
	} {
		s := written(t, map[string]string{"b": text})
		_, found, err := s.Builder("b")
		if !found || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), s.path("b")) {
			t.Errorf("%s: %t, %v", text, found, err)
		}
	}
}
