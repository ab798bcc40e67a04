//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// noise returns random text that no compression makes much smaller.
func noise(n int) string {
	data := make([]byte, n)
	_, _ = rand.Read(data) // never fails: see its documentation
	return string(data)
}

func joined(words []string) string { return "[" + strings.Join(words, " ") + "]" }

// serve serves on the loopback interface for the time of the story, and returns host:port.
func (s *story) serve(h http.Handler) string {
	s.Helper()
	s.besideUs()
	server := httptest.NewServer(h)
	s.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.Listener.Addr().String()
}

// backend passes requests on to the registry of the environment.
func (s *story) backend() http.Handler {
	return faultregistry.Upstream(&url.URL{Scheme: "http", Host: s.registry})
}

// front is a registry of another name in front of the environment's: both have the same content.
func (s *story) front() (faults *faultregistry.Registry, host string) {
	s.Helper()
	faults = faultregistry.New(s.backend())
	return faults, s.serve(faults)
}

// behind is the same repository in the environment's registry.
func (s *story) behind(repo string) string {
	_, path, _ := strings.Cut(repo, "/")
	return s.registry + "/" + path
}

// countingEngine is the engine behind a proxy; host is for DOCKER_HOST, and sent returns how many bytes went to the engine so
// far.
func (s *story) countingEngine() (host string, sent func() int64) {
	s.Helper()
	bytes := new(atomic.Int64)
	host, _ = s.proxiedEngine(counter{bytes})
	return host, bytes.Load
}

// proxiedEngine is the engine behind a proxy, which writes a copy of the bytes that go to the engine to seen before it passes them on; host is
// for DOCKER_HOST. kill closes all connections, and no other is accepted.
func (s *story) proxiedEngine(seen io.Writer) (host string, kill func()) {
	s.Helper()
	proxy := s.far(&testenv.Far{To: s.host, Tap: func() io.Writer { return seen }})
	return proxy.Address(), proxy.Close
}

// far starts a proxy that ends with the story.
func (s *story) far(proxy *testenv.Far) *testenv.Far {
	s.Helper()
	s.check(proxy.Start())
	s.Cleanup(proxy.Close)
	return proxy
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// pause is a writer that takes so many bytes, and waits before it takes the rest.
type pause struct {
	after int64
	taken atomic.Int64
	until chan struct{}
}

func (p *pause) Write(b []byte) (int, error) {
	if p.taken.Add(int64(len(b))) > p.after {
		<-p.until
	}
	return len(b), nil
}

// waits reports whether it has taken as much as it takes.
func (p *pause) waits() bool { return p.taken.Load() > p.after }

func sum(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// inArguments returns the arguments of a process on this machine that have the word; "" if there is none.
func inArguments(word string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), word) {
			return string(text)
		}
	}
	return ""
}
