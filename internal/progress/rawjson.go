package progress

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

// raw writes BuildKit's status messages, one JSON object a line, as docker buildx does. In one stream the steps of several solves
// must differ: a step that is not shared gets a digest of its own there (BuildKit's "exporting to image" is the same in every
// solve), and every step has its lane in the brackets that BuildKit begins its name with: "[linux/arm64 2/3] RUN …".
type raw struct {
	enc   *json.Encoder
	lanes *lanes
}

func newRaw(out io.Writer, lanes *lanes) *raw { return &raw{json.NewEncoder(out), lanes} }

// A failed write to standard error is not a reason to fail.
func (r *raw) show(m message) { _ = r.enc.Encode(r.relabel(m)) }

func (r *raw) note(line string) { _ = r.enc.Encode(finishedStep(line)) }

func (r *raw) close() error { return nil }

// finishedStep returns a line in the form of a step that has begun and ended.
func finishedStep(line string) *client.SolveStatus {
	now := time.Now()
	return &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.FromString(line), Name: line, Started: &now, Completed: &now}}}
}

// Text turns the data written to it into a stream of status messages: each piece is output of one step, "result". It is for text
// after a [RawJSON] display in the same stream.
func Text(out io.Writer) io.Writer { return &text{enc: json.NewEncoder(out)} }

type text struct {
	mu        sync.Mutex
	enc       *json.Encoder
	announced bool
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	step := digest.FromString("result")
	status := &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: step, Stream: 2, Data: p, Timestamp: now}}}
	if !t.announced {
		status.Vertexes = []*client.Vertex{{Digest: step, Name: "result", Started: &now, Completed: &now}}
		t.announced = true
	}
	if err := t.enc.Encode(status); err != nil {
		return 0, err
	}
	return len(p), nil
}

// relabel copies a message for a stream of all lanes.
func (r *raw) relabel(m message) *client.SolveStatus {
	out := &client.SolveStatus{}
	for _, v := range m.status.Vertexes {
		w := *v
		w.Digest, w.Name = inStream(m.lane, v.Digest), label(m.lane, v.Name)
		w.Inputs = make([]digest.Digest, len(v.Inputs))
		for i, d := range v.Inputs {
			if w.Inputs[i] = inStream(m.lane, d); r.lanes.isShared(d) {
				w.Inputs[i] = d
			}
		}
		out.Vertexes = append(out.Vertexes, &w)
	}
	for _, v := range m.status.Statuses {
		w := *v
		w.Vertex = inStream(m.lane, v.Vertex)
		out.Statuses = append(out.Statuses, &w)
	}
	for _, v := range m.status.Logs {
		w := *v
		w.Vertex = inStream(m.lane, v.Vertex)
		out.Logs = append(out.Logs, &w)
	}
	for _, v := range m.status.Warnings {
		w := *v
		w.Vertex = inStream(m.lane, v.Vertex)
		out.Warnings = append(out.Warnings, &w)
	}
	return out
}

func inStream(lane string, d digest.Digest) digest.Digest {
	if lane == Shared {
		return d
	}
	return digest.FromString(lane + "\x00" + d.String())
}

func label(lane, name string) string {
	if rest, ok := strings.CutPrefix(name, "["); ok {
		return "[" + lane + " " + rest
	}
	return "[" + lane + "] " + name
}
