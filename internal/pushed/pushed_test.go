package pushed

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

func named(t *testing.T, name string) reference.Named {
	t.Helper()
	repo, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

func TestAPushIsRememberedForAnHourByRepositoryLoginAndPusher(t *testing.T) {
	now, login := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), "ann"
	m := Memory{Dir: t.TempDir(), Now: func() time.Time { return now }, Login: func(string) string { return login }}
	app, other := named(t, "registry.example/app"), named(t, "registry.example/other")
	d := digest.FromString("image")
	knows := func(repos ...reference.Named) bool {
		took := true
		for _, repo := range repos {
			took = took && m.Took(repo, "builder")
		}
		return took && m.Image(repos, "builder", "key") == d
	}
	m.Add(app, "builder", map[string]digest.Digest{"key": d})
	if !knows(app) || knows(other) || knows(app, other) || m.Took(app, "another") || m.Took(app, Client) || m.Image([]reference.Named{app}, "builder", "x") != "" {
		t.Error("what was pushed is not what is known")
	}
	m.Add(other, "builder", map[string]digest.Digest{"key": digest.FromString("another image")})
	if knows(app, other) {
		t.Error("two repositories have the same image")
	}
	m.Add(other, "builder", map[string]digest.Digest{"key": d})
	if !knows(app, other) {
		t.Error("the second push is not remembered")
	}
	login = "bob"
	if knows(app) {
		t.Error("another login took it")
	}
	login, now = "ann", now.Add(59*time.Minute)
	m.Add(app, "builder", map[string]digest.Digest{"second": d})
	if !knows(app) {
		t.Error("it is forgotten early")
	}
	now = now.Add(time.Minute)
	if knows(app) || !m.Took(app, "builder") || m.Image([]reference.Named{app}, "builder", "second") != d {
		t.Error("the first image, and only that, has become old")
	}
	now = now.Add(-2 * time.Minute)
	if m.Took(app, "builder") {
		t.Error("a push in the future is remembered")
	}
	now = now.Add(2 * time.Minute)
	m.Forget(app, "builder")
	if m.Took(app, "builder") {
		t.Error("it is not forgotten")
	}
}

func TestTheMemoryIsBoundedAndMayBeMissingOrDamaged(t *testing.T) {
	m, repo := Memory{Dir: filepath.Join(t.TempDir(), "new")}, named(t, "registry.example/app")
	for i := range 3 * images {
		m.Add(repo, "builder", map[string]digest.Digest{fmt.Sprintf("%064d", i): digest.FromString(fmt.Sprint(i))})
	}
	if n := len(m.read(repo, "builder").Images); n != images {
		t.Errorf("%d images are kept", n)
	}
	files, _ := filepath.Glob(m.Dir + "/*")
	if len(files) != 1 {
		t.Fatalf("%q", files)
	}
	for _, text := range []string{"", "{", "[]", `{"at":"yesterday"}`, `{"at":"2026-11-30T12:00:00Z","images":{"k":1}}`} {
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m.Took(repo, "builder") {
			t.Errorf("%q says that something was pushed", text)
		}
	}
	m.Add(repo, "builder", nil)
	if !m.Took(repo, "builder") || m.Took(repo, "") {
		t.Error("a damaged file is not replaced")
	}
	none := Memory{}
	none.Add(repo, "builder", nil)
	if none.Took(repo, "builder") {
		t.Error("the zero memory remembers")
	}
	none.Forget(repo, "builder")
}
