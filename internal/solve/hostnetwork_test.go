package solve

import (
	"context"
	"errors"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAnImageOnLoopbackThatADockerfileNamesByItselfIsFoundAhead(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		change func(*harness)
		line   int // 0: no source is found
	}{
		"FROM":                    {"FROM scratch AS a\nFROM localhost:5000/base\n", nil, 2},
		"words that are no image": {"ARG DB=localhost:5432\nFROM alpine\nARG X=localhost:1\nRUN wait localhost:5432\n", nil, 0},
		"a default":               {"ARG BASE=localhost:5000/base\nFROM $BASE\n", nil, 2},
		"a build argument wins":   {"ARG BASE=localhost:5000/base\nFROM $BASE\n", func(w *harness) { w.req.BuildArgs = map[string]string{"BASE": "alpine"} }, 0},
		"one platform's argument": {"ARG BASE=alpine\nFROM $BASE\n", func(w *harness) {
			w.req.Own = map[string]Own{"linux/arm64": {BuildArgs: map[string]string{"BASE": "127.0.0.1:1/b"}}}
		}, 2},
		"one platform's base":       {"FROM localhost:5000/base-$TARGETARCH\n", nil, 1},
		"a stage that is not built": {"FROM localhost:5000/base AS dev\nFROM alpine\n", nil, 0},
		"a named context":           {"FROM localhost:5000/base\n", func(w *harness) { w.req.Source.Attrs["context:localhost:5000/base"] = "local:x" }, 0},
	} {
		w := newHarness(t, c.text)
		if c.change != nil {
			c.change(w)
		}
		line := 0
		if image := w.req.LoopbackImage(); image != nil {
			line = image.Line
			contains(t, image.Error(), w.req.Source.Dockerfile.Shown+":", "on loopback")
		}
		if line != c.line {
			t.Errorf("%s: line %d, want %d", name, line, c.line)
		}
	}
}

func TestAnImageOnLoopbackThatARemoteDockerfileNamesIsExplained(t *testing.T) {
	w := newHarness(t, "")
	const git = "git://example.com/app.git#main"
	w.source(source.Options{Context: "https://example.com/app.git#main"})
	w.Files[git] = "FROM localhost:5000/base\n"
	w.req.Tags, w.req.Outputs.Image = nil, true // no registry is involved
	w.Image = func(string, platform.Platform) (platform.Platform, error) {
		return platform.Platform{}, errors.New("dial tcp 127.0.0.1:5000: connect: connection refused")
	}
	_, err := w.run()
	if e, ok := errors.AsType[*preflight.HostNetworkError](err); !ok || e.Line != 1 || e.File != "Dockerfile" {
		t.Errorf("got %v", err)
	}
	contains(t, err.Error(), `"localhost:5000/base:latest" from a registry on loopback`)
	w.env.Nodes[0].OnHost = true // a registry on loopback is an ordinary registry there
	if _, err = w.run(); err == nil {
		t.Fatal("it was built")
	}
	if _, ok := errors.AsType[*preflight.HostNetworkError](err); ok {
		t.Errorf("on the host's network: %v", err)
	}
}

func TestSourcesOnTheHostItselfAreRefusedAtTheBarrier(t *testing.T) {
	const text = "FROM alpine\nRUN true\nADD http://127.0.0.1:5899/secret /stolen\nADD https://example.com/data.bin /\n"
	w := newHarness(t, text)
	w.env.Nodes[0].OnHost = true
	found := w.findings()
	if len(found) != 1 || found[0].Line != 3 || found[0].Check != "host-network" || len(found[0].Platforms) != 3 {
		t.Fatalf("got %+v", found)
	}
	contains(t, found[0].String(), "Dockerfile:3: builder \"default\" ", "must not fetch http://127.0.0.1:5899/secret")
	if n := w.Resolved("http://127.0.0.1:5899/secret"); n != 0 {
		t.Errorf("it was asked for %d times", n)
	}
	for name, allow := range map[string]func(n *Node){
		"the user has asked for it": func(n *Node) { n.HostChosen = true },
		"the builder is not there":  func(n *Node) { n.OnHost = false },
	} {
		w := newHarness(t, text)
		w.env.Nodes[0].OnHost = true
		allow(&w.env.Nodes[0])
		if _, err := w.run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAContextOnTheHostThatTheCommandLineNamesIsTheUsersWish(t *testing.T) {
	for text, line := range map[string]int{
		"FROM scratch\nCOPY . /\n": 0,
		"FROM scratch\nCOPY . /\nADD http://127.0.0.1:3000/other.git#main /\n": 3,
	} {
		w := newHarness(t, "")
		w.env.Nodes[0].OnHost = true
		w.source(source.Options{Context: "http://127.0.0.1:3000/app.git#main"})
		w.Files["git://127.0.0.1:3000/app.git#main"] = text
		if line == 0 {
			w.mustRun()
		} else if found := w.findings(); len(found) != 1 || found[0].Line != line {
			t.Errorf("%+v", found)
		}
	}
}

func TestAURLThatTheContextsRepositoryNamesIsNotTheUsersWish(t *testing.T) {
	const url = "http://127.0.0.1:5899/secret"
	w := newHarness(t, "FROM scratch\nADD "+url+" /stolen\n")
	w.env.Nodes[0].OnHost = true
	w.req.Source.Attrs["vcs:source"] = url // the value that the repository's own configuration has
	if found := w.findings(); len(found) != 1 || found[0].Line != 2 {
		t.Errorf("%+v", found)
	}
}

func TestWhatIsReadAgainIsHeldToTheSame(t *testing.T) {
	w := newHarness(t, "")
	w.env.Nodes[0].OnHost = true
	const git = "git://example.com/app.git#main"
	w.source(source.Options{Context: "https://example.com/app.git#main"})
	w.Files[git] = "FROM scratch\nCOPY . /\n"
	w.platforms("linux/amd64")
	readings := 0
	w.Read = func(context.Context, platform.Platform) error {
		if readings++; readings == 2 { // under pins
			w.Files[git] = "FROM scratch\nADD http://127.0.0.1/secret /\n"
		}
		return nil
	}
	_, err := w.run()
	if e, ok := errors.AsType[*preflight.LocalSourceError](err); !ok || e.URL != "http://127.0.0.1/secret" {
		t.Errorf("got %v", err)
	}
	if readings != 2 {
		t.Errorf("%d readings", readings)
	}
}

func TestReferencesAreAllThatTheCommandLineNames(t *testing.T) {
	w := newHarness(t, "# syntax=localhost:5000/frontend\nARG BASE=localhost:5000/base\nFROM ${BASE}\nCOPY --from=localhost:5000/tool /x /\n")
	w.req.BuildArgs = map[string]string{"X": "localhost:5001/y"}
	w.req.Own = map[string]Own{"linux/arm64": {BuildArgs: map[string]string{"BASE": "localhost:5000/mine"}}}
	w.req.Source.Attrs["context:z"] = "docker-image://localhost:5002/z"
	w.req.ByDigest = []reference.Named{reference.TrimNamed(w.tags("pushed/by/digest")[0])}
	want := []Reference{
		{w.host + "/app:v1", "the tag " + w.host + "/app:v1"},
		{w.host + "/pushed/by/digest", "the name " + w.host + "/pushed/by/digest"},
		{"localhost:5002/z", "the named context z"},
		{"localhost:5001/y", "the build argument X"},
		{"localhost:5000/mine", "the build argument BASE"},
	}
	if diff := cmp.Diff(want, w.req.References()); diff != "" {
		t.Error(diff)
	}
}
