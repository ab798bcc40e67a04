// Package faultkit tests whole builds and merges under faults of the registry, the network, the builder and the client's machine. Each
// fault begins at each phase of a run and lasts for several times. All waits are in the fake time of testing/synctest.
package faultkit

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// combination is a scenario with a fault that begins at a phase.
type combination struct {
	scenario
	fault
	extent
	phase
}

func (c combination) String() string {
	return fmt.Sprintf("%s: %s %s, at the phase %q", c.scenario.name, c.fault.name, c.extent.name, c.phase)
}

// combinations returns those of a scenario that can act. Faults that the client treats in the same way as others are tried in the first
// scenario only, and faults that no retry mends once and for ever.
func combinations(s scenario, reached map[phase]bool) (all []combination) {
	for _, f := range faults {
		for _, e := range extents {
			for _, p := range phases {
				possible := reached[p] && (f.at == nil || slices.Contains(f.at, p)) && (f.acts() || e.count == 1)
				if possible && (s.name == scenarios[0].name || !f.alike) && (f.mends || e.count == 1 || e.ever()) {
					all = append(all, combination{s, f, e, p})
				}
			}
		}
	}
	return all
}

var (
	only = flag.String("only", "", "a part of the name of the combinations to try")
	each = flag.Int("each", every, "try one of so many combinations")
)

// All runs are in one bubble of synctest, since golang.org/x/net/http2 keeps channels from one connection for the next. The bubble ends
// when all goroutines have, so the test also fails if a run leaves one behind.
func TestEveryFaultAtEveryPhaseEndsWell(t *testing.T) {
	began, n, total, table := time.Now(), 0, 0, ""
	warmUp()
	synctest.Test(t, func(t *testing.T) {
		var all []combination
		for _, s := range scenarios {
			w := newWorld(t)
			s.begin(w)
			w.must(w.attempt(combination{scenario: s}))
			all = append(all, combinations(s, w.run.reached)...)
			w.close()
		}
		total = len(all)
		next := make(chan combination)
		var working sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			working.Go(func() {
				for c := range next {
					c.test(t)
				}
			})
		}
		for i, c := range all {
			if i%*each == 0 && strings.Contains(c.String(), *only) {
				n++
				next <- c
			}
		}
		close(next)
		working.Wait()
		table = tableOf(t)
	})
	documented(t, table)
	t.Logf("%d of %d combinations in %s", n, total, time.Since(began).Round(time.Second))
}

// warmUp has the package os/signal start its goroutine, which never ends.
func warmUp() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	signal.Stop(signals)
}

// test runs a combination, and then the command again without a fault.
func (c combination) test(t *testing.T) {
	w := newWorld(t)
	defer w.close()
	c.begin(w)
	w.requests = nil
	o := w.attempt(c)
	for _, wrong := range slices.Concat(w.wrong(c, o), w.left()) {
		t.Errorf("%s: %s\n%s", c, wrong, o.text)
	}
	had := w.has()
	w.revoked.Store(false)
	w.requests = nil
	again := w.attempt(combination{scenario: c.scenario})
	if again.err != nil {
		t.Errorf("%s: the second run fails: %s\nafter: %s", c, again.text, o.text)
	}
	for _, one := range w.requests {
		repo, _, _ := strings.Cut(strings.TrimPrefix(one.path, "/v2/"), "/blobs/uploads/")
		if one.method == "PUT" && (had[repo+"/"+one.digest] || had[strings.TrimPrefix(strings.Replace(one.path, "/manifests/", "/", 1), "/v2/")]) {
			t.Errorf("%s: the second run sends again by the %s: %s %s", c, one.from, one.path, one.digest)
		}
	}
}

// attempt runs the command once, until the user gives up.
func (w *world) attempt(c combination) outcome {
	ctx, cancel := context.WithCancelCause(w.Context())
	defer cancel(nil)
	w.mu.Lock()
	w.run = &run{fault: c.fault, extent: c.extent, phase: c.phase, cancel: cancel}
	w.mu.Unlock()
	timer := time.AfterFunc(patience, func() { cancel(cli.Interrupted{Signal: os.Interrupt}) })
	defer timer.Stop()
	began := time.Now()
	o := c.do(ctx, w)
	o.took = time.Since(began)
	return o
}

// has returns the blobs and manifests of the registry, as "repository/digest".
func (w *world) has() map[string]bool {
	all := map[string]bool{}
	for _, name := range append(w.memory.Blobs(), w.memory.Manifests()...) {
		all[name] = strings.Contains(name, "/sha256:")
	}
	return all
}

// wrong returns what must not be so after a run.
func (w *world) wrong(c combination, o outcome) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	has := w.has()
	refused := false
	for i, tag := range c.tags {
		found := w.tagged(has, tag, say)
		state := manifest.Untouched
		if i < len(o.tags) {
			state = o.tags[i].State
		}
		switch {
		case found != "" && found != o.target:
			say("%s names %s, and the result is %s", tag, found, o.target)
		case state == manifest.Untouched && found != "":
			say("%s is said to be untouched", tag)
		case state != manifest.Untouched && refused:
			say("%s was written after a failure was known", tag)
		case (state == manifest.Moved || state == manifest.Already) && found == "":
			say("%s is said to be %s", tag, state)
		case found != "" && (o.err != nil || !w.quiet) && !strings.Contains(o.text, reference.FamiliarString(tag)):
			say("%s moved and is not named", tag)
		case o.err == nil && found == "":
			say("%s did not move", tag)
		}
		refused = refused || state == manifest.Failed && !w.accepted(tag)
	}
	if len(o.bad) > 0 && o.err == nil {
		say("published without examination: %s", o.bad)
	}
	if len(w.run.late) > 1 { // one may be on its way
		say("written after the interrupt: %s", w.run.late)
	}
	if o.err != nil && c.mustPass() {
		say("a retry could have helped")
	}
	if o.took >= patience && !c.silent {
		say("it hangs")
	}
	return append(wrong, w.unclear(o)...)
}

// unclear returns what the status and the message lack.
func (w *world) unclear(o outcome) (wrong []string) {
	status, text := []int{cli.ExitFailed, cli.ExitPush, cli.ExitPartial}, []string{"ERROR: ", "Published without"}
	switch {
	case o.err == nil:
		return nil
	case w.run.interrupted || o.took >= patience:
		status, text = []int{130, 143}, []string{"interrupted"}
	case !containsAny(o.text, host, "linux/", "(all 2 platforms)", `write "-"`, "load into the engine at"):
		wrong = append(wrong, "the message does not say where")
	}
	if !slices.Contains(status, o.status) {
		wrong = append(wrong, fmt.Sprintf("the status is %d", o.status))
	}
	if !containsAny(o.text, text...) {
		wrong = append(wrong, "the message does not begin as one")
	}
	return wrong
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// accepted reports whether the registry took the writing of a tag.
func (w *world) accepted(tag reference.NamedTagged) bool {
	return slices.ContainsFunc(w.requests, func(one request) bool {
		return one.method == "PUT" && one.path == "/v2/"+reference.Path(tag)+"/manifests/"+tag.Tag() && one.status/100 == 2
	})
}

// tagged returns the digest that a tag names, and complains about an incomplete index.
func (w *world) tagged(has map[string]bool, tag reference.NamedTagged, say func(string, ...any)) digest.Digest {
	repo := reference.Path(tag)
	body := w.memory.Manifest(repo + "/" + tag.Tag())
	if body == nil {
		return ""
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		say("%s: %v", tag, err)
	}
	if len(index.Manifests) == 0 {
		say("%s names no index", tag)
	}
	for _, child := range index.Manifests {
		var m ocispecs.Manifest
		if err := json.Unmarshal(w.memory.Manifest(repo+"/"+child.Digest.String()), &m); err != nil {
			say("%s lacks %s: %v", tag, child.Digest, err)
		}
		for _, blob := range append(m.Layers, m.Config) {
			if !has[repo+"/"+blob.Digest.String()] {
				say("%s lacks the blob %s", tag, blob.Digest)
			}
		}
	}
	return digest.FromBytes(body)
}

// left returns what is left of ours on the client and on its engine. An engine that is gone for ever keeps its things.
func (w *world) left() (left []string) {
	if w.engine != nil && (w.run.fault.engine == nil || !w.run.extent.ever()) {
		for _, c := range w.engine.Containers() {
			left = append(left, "left: the container "+c.Name)
		}
		for name, id := range w.engine.Has() {
			if name == "" || strings.Contains(name, "docker-multiarch-test") || strings.Contains(name, ":sha256:") {
				left = append(left, fmt.Sprintf("left: the image %q %s", name, id))
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(w.dir, "out", "*"))
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range append(files, hidden(w.dir)...) {
		if filepath.Base(file) != "app.tar" {
			left = append(left, "left: "+file)
		}
	}
	return left
}

func hidden(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "out", ".*")) // the pattern is right
	return files
}
