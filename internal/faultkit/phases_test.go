package faultkit

import (
	"net/http"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// phase is a part of a run, recognized by its first request or by an event of the build.
type phase string

const (
	asking    phase = "before the context"
	reading   phase = "reading"
	barrier   phase = "barrier"
	steps     phase = "steps"
	export    phase = "export"
	layers    phase = "export, a layer"
	image     phase = "export, a manifest"
	readBack  phase = "read back"
	gating    phase = "gate"
	testPhase phase = "test"
	prepare   phase = "prepare"
	look      phase = "before the first tag"
	firstTag  phase = "first tag"
	laterTag  phase = "between tags"
	shown     phase = "read back of a tag"
	report    phase = "report"
)

// phases are all of them, in their order.
var phases = []phase{asking, reading, barrier, steps, export, layers, image, readBack, gating, testPhase, prepare, look, firstTag, laterTag, shown, report}

// phaseOfEngine returns the phase that a request to the engine belongs to; "" for requests of every phase.
func phaseOfEngine(req *http.Request) phase {
	switch path := req.URL.Path; {
	case req.Method != http.MethodPost:
		return ""
	case strings.HasSuffix(path, "/images/load"), strings.HasSuffix(path, "/tag") && !strings.Contains(req.URL.RawQuery, "docker-multiarch-test"):
		return prepare
	}
	return testPhase
}

// phaseOf returns the phase that a request belongs to; "" for requests of every phase.
func (w *world) phaseOf(one request) phase {
	w.mu.Lock()
	defer w.mu.Unlock()
	blob := strings.Contains(one.path, "/blobs/")
	write := one.method == http.MethodPut || one.method == http.MethodPost
	switch {
	case one.method == http.MethodDelete: // the end of a question before the build
		w.run.passed = w.run.passed || w.run.unplanned
		return ""
	case one.path == "/token": // a login
		return ""
	case one.from == byBuilder && blob && one.method == http.MethodPut:
		return layers
	case one.from == byBuilder && one.method == http.MethodPut:
		return image
	case one.from == byBuilder:
		return ""
	case faultregistry.TagPut(one.method, one.path) && w.run.tags == 0:
		return firstTag
	case faultregistry.TagPut(one.method, one.path):
		return laterTag
	case faultregistry.TagRead(one.method, one.path) && w.run.tags == 0:
		return look
	case faultregistry.TagRead(one.method, one.path):
		return shown
	case write && !w.run.passed:
		return asking
	case write:
		return prepare
	case blob:
		return gating
	}
	return readBack
}
