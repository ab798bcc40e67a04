package progress

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// parsed reads a stream as a program would: every line must be a status message.
func parsed(t *testing.T, text string) (all []*client.SolveStatus) {
	t.Helper()
	for line := range strings.Lines(text) {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		s := &client.SolveStatus{}
		if err := dec.Decode(s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, s)
	}
	return all
}

func TestRawJSONHasEachStepOfEachPlatformOnceWithItsPlatform(t *testing.T) {
	text, _ := replayed(t, Options{Mode: RawJSON})
	var summary strings.Builder
	names := map[digest.Digest]string{}
	ends := map[string]int{}
	for _, s := range parsed(t, text) {
		for _, v := range s.Vertexes {
			if old, ok := names[v.Digest]; ok && old != v.Name {
				t.Errorf("%s is %q and %q", v.Digest, old, v.Name)
			}
			if _, ok := names[v.Digest]; !ok {
				fmt.Fprintln(&summary, v.Name)
			}
			names[v.Digest] = v.Name
			if v.Completed != nil {
				ends[v.Name]++
			}
		}
		for _, l := range s.Logs {
			if names[l.Vertex] == "" {
				t.Errorf("output of a step that nobody has named: %s", l.Data)
			}
		}
	}
	golden(t, "rawjson.txt", summary.String())
	if n := ends["[shared tool 2/2] RUN echo generate; sleep 0.3; date +%s%N > /once"]; n != 1 {
		t.Errorf("the shared step ends %d times", n)
	}
}

func TestInputsOfStepsInRawJSONAreStepsOfTheSameLaneOrShared(t *testing.T) {
	l := newLanes(2)
	l.counts = map[digest.Digest]int{"sha256:shared": 2}
	r := newRaw(&buffer{}, l)
	v := &client.Vertex{Digest: "sha256:own", Inputs: []digest.Digest{"sha256:shared", "sha256:own"}}
	got := r.relabel(message{"linux/arm64", &client.SolveStatus{Vertexes: []*client.Vertex{v}}})
	own := got.Vertexes[0].Digest
	if diff := cmp.Diff([]digest.Digest{"sha256:shared", own}, got.Vertexes[0].Inputs); diff != "" || own == "sha256:own" {
		t.Errorf("%s: (-want +got):\n%s", own, diff)
	}
	if v.Inputs[1] != "sha256:own" || v.Name != "" {
		t.Errorf("the message was written to: %+v", v)
	}
}

func TestTextBehindRawJSONIsRawJSON(t *testing.T) {
	var out buffer
	w := Text(&out)
	fmt.Fprintf(w, "PLATFORM  %s\n", "TIME")
	fmt.Fprintln(w, "ERROR: it failed")
	var said string
	for _, s := range parsed(t, out.String()) {
		for _, l := range s.Logs {
			said += string(l.Data)
		}
	}
	if said != "PLATFORM  TIME\nERROR: it failed\n" {
		t.Errorf("%q", said)
	}
}
