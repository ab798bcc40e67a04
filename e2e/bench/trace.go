package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/report"
)

// trace returns the parts of the time of a build of ours that has nothing to do. They are BuildKit's steps, as its progress tells them,
// and the requests to the registry, as a proxy sees them.
func (w *world) trace(ctx context.Context) ([]report.Span, error) {
	var requests recorder
	host, err := w.serve(ctx, requests.before(w.backend()))
	if err != nil {
		return nil, err
	}
	_, base, _ := strings.Cut(w.base, "/")
	dir := filepath.Join(w.dir, "trace")
	if err := fill(filepath.Join(dir, "Dockerfile"), "FROM "+host+"/"+base+"\nRUN echo > /made\n"); err != nil {
		return nil, err
	}
	var spans []report.Span
	for range 3 { // the last of them counts
		requests.forget()
		cmd := exec.CommandContext(ctx, w.plugin, "build", "--builder", ourBuilder, "--platform", three, "-t", host+"/bench/trace:1", "--push",
			"--progress", "rawjson", dir)
		cmd.Env = w.ways[0].env
		var progress bytes.Buffer
		cmd.Stderr = &progress
		began := time.Now()
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, progress.Bytes())
		}
		whole := report.Span{Who: "the program", What: "from start to end", Count: 1, To: time.Since(began)}
		steps, err := stepsIn(&progress, began)
		if err != nil {
			return nil, err
		}
		spans = slices.Concat([]report.Span{whole}, report.Together(slices.Concat(steps, requests.spans(began))))
	}
	return spans, nil
}

// stepsIn reads the steps from a progress of BuildKit's status messages.
func stepsIn(progress io.Reader, began time.Time) ([]report.Span, error) {
	last := map[string]report.Span{} // of each step, by its digest: it may be told more than once
	for lines := json.NewDecoder(progress); ; {
		var status struct {
			Vertexes []struct {
				Digest, Name       string
				Started, Completed *time.Time
			}
		}
		err := lines.Decode(&status)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, v := range status.Vertexes {
			if v.Started != nil && v.Completed != nil {
				last[v.Digest] = report.Span{
					Who: "BuildKit", What: platformIn.ReplaceAllString(v.Name, "${1}"), Count: 1, From: v.Started.Sub(began), To: v.Completed.Sub(began),
				}
			}
		}
	}
	var spans []report.Span
	for _, s := range last {
		spans = append(spans, s)
	}
	return spans, nil
}

// platformIn is what is in front of the names of the steps of a platform.
var platformIn = regexp.MustCompile(`^(\[)[a-z0-9]+/[a-z0-9/]+ |^\[[a-z0-9]+/[a-z0-9/]+\] `)

// recorder notes the requests to a registry.
type recorder struct {
	mu   sync.Mutex
	seen []request
}

type request struct {
	who, what string
	from, to  time.Time
}

func (r *recorder) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		who := "registry, asked by the program"
		if strings.HasPrefix(strings.ToLower(req.UserAgent()), "buildkit") {
			who = "registry, asked by BuildKit"
		}
		one := request{who: who, what: req.Method + " " + path.Base(path.Dir(req.URL.Path)), from: time.Now()} // GET manifests, say
		next.ServeHTTP(rw, req)
		one.to = time.Now()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, one)
	})
}

func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = nil
}

func (r *recorder) spans(began time.Time) (spans []report.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.seen {
		spans = append(spans, report.Span{Who: one.who, What: one.what, Count: 1, From: one.from.Sub(began), To: one.to.Sub(began)})
	}
	return spans
}
