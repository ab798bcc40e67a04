package store

import (
	"errors"
	"os"
	"reflect"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestABuilderComesBackAsItWasStored(t *testing.T) {
	arm, _, _ := platform.Parse("linux/arm64")
	want := builder.Builder{Name: "farm", Nodes: []builder.Endpoint{
		{Builder: "farm", Node: "farm0", Driver: "docker-container", Address: "desk", Options: map[string]string{"memory": "8g"}, Flags: []string{"--debug"}},
		{
			Builder: "farm", Node: "arm", Index: 2, Driver: "remote", Address: "tcp://arm:1234", Platforms: arm,
			Config: buildkitd.UserConfig{TOML: []byte("debug = true\n"), Files: map[string][]byte{"/etc/x": []byte("x")}},
		},
	}}
	s := &Store{Dir: t.TempDir()}
	if err := s.Change(t.Context(), func(f *File) (bool, error) { f.Put(want); return true, nil }); err != nil {
		t.Fatal(err)
	}
	f, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got, found, err := f.Builder("farm"); err != nil || !found || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %t, %v", got, found, err)
	}
	if _, found, _ := f.Builder("other"); found {
		t.Error("a builder that was not stored")
	}
}

func TestAnUnreadableFileIsNamedAndKept(t *testing.T) {
	for _, text := range []string{"{", `{"builders":{"x":[]}}`, `{"builders":{"x":[{"name":"a","platforms":["not a platform"]}]}}`} {
		s := &Store{Dir: t.TempDir()}
		if err := os.WriteFile(s.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var unreadable *UnreadableError
		if _, err := s.Read(); !errors.As(err, &unreadable) || unreadable.Path != s.Path() {
			t.Errorf("%s: %v", text, err)
		}
		err := s.Change(t.Context(), func(*File) (bool, error) { return true, nil })
		if kept, _ := os.ReadFile(s.Path()); err == nil || string(kept) != text {
			t.Errorf("%s: %v, and the file is %q", text, err, kept)
		}
	}
}

func TestAStoreReadsTheFileAgainOnlyAfterItsOwnChange(t *testing.T) {
	s := &Store{Dir: t.TempDir()}
	if err := os.WriteFile(s.Path(), []byte(`{"all":"first"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	reads := func(want string) {
		t.Helper()
		if f, err := s.Read(); err != nil || f.All != want {
			t.Errorf("read %q, %v", f.All, err)
		}
	}
	reads("first")
	other := &Store{Dir: s.Dir}
	if err := other.Change(t.Context(), func(f *File) (bool, error) { f.All = "other"; return true, nil }); err != nil {
		t.Fatal(err)
	}
	reads("first")
	change := func(f *File) (bool, error) {
		if f.All != "other" {
			t.Errorf("%q is changed", f.All)
		}
		f.Engines = map[string]string{"unix:///a": "own"}
		return true, nil
	}
	if err := s.Change(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	reads("other")
}
