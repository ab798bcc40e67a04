package faultregistry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a registry in memory that follows the specification of distribution. Each repository has its own blobs; another one of
// them is mounted on request. The zero value is empty.
type Memory struct {
	mu        sync.Mutex
	manifests map[string]stored // by repository, a slash, and tag or digest
	blobs     map[string][]byte // by repository, a slash, and digest
	uploads   map[string][]byte // by their paths
	begun     int
}

type stored struct {
	mediaType string
	body      []byte
}

// Manifest returns a manifest by "repository/tag" or "repository/digest"; nil if there is none.
func (m *Memory) Manifest(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.manifests[name].body
}

// Blobs returns the blobs as "repository/digest", in order.
func (m *Memory) Blobs() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.blobs))
}

// Manifests returns the manifests as "repository/tag" and "repository/digest", in order.
func (m *Memory) Manifests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.manifests))
}

// ServeHTTP answers as a registry.
func (m *Memory) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the client has given up
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	if path == "" {
		return
	}
	if repo, name, ok := cutLastPart(path, "/manifests/"); ok {
		m.serveManifest(w, req, repo, name, body)
		return
	}
	if repo, id, ok := cutLastPart(path, "/blobs/uploads/"); ok {
		m.serveUpload(w, req, repo, id, body)
		return
	}
	if repo, name, ok := cutLastPart(path, "/blobs/"); ok && isRead(req.Method) {
		m.serveBlob(w, req, repo+"/"+name)
		return
	}
	refuse(w, http.StatusNotFound, "UNSUPPORTED", "unknown path")
}

func cutLastPart(path, part string) (before, after string, ok bool) {
	i := strings.LastIndex(path, part)
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+len(part):], true
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

func (m *Memory) serveManifest(w http.ResponseWriter, req *http.Request, repo, name string, body []byte) {
	if req.Method == http.MethodPut {
		one := stored{req.Header.Get("Content-Type"), body}
		put(&m.manifests, repo+"/"+name, one)
		put(&m.manifests, repo+"/"+digestOf(body), one)
		w.Header().Set("Docker-Content-Digest", digestOf(body))
		w.WriteHeader(http.StatusCreated)
		return
	}
	one, ok := m.manifests[repo+"/"+name]
	if !ok || !isRead(req.Method) {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", one.mediaType)
	w.Header().Set("Docker-Content-Digest", digestOf(one.body))
	w.Header().Set("Content-Length", strconv.Itoa(len(one.body)))
	w.Write(one.body) //nolint:errcheck,gosec // the client may be gone
}

func (m *Memory) serveBlob(w http.ResponseWriter, req *http.Request, name string) {
	blob, ok := m.blobs[name]
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", name[strings.LastIndexByte(name, '/')+1:])
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(blob))
}

func (m *Memory) serveUpload(w http.ResponseWriter, req *http.Request, repo, id string, body []byte) {
	wanted, from := req.URL.Query().Get("mount"), req.URL.Query().Get("from")
	blob, mounts := m.blobs[from+"/"+wanted]
	switch {
	case req.Method == http.MethodPost && mounts:
		put(&m.blobs, repo+"/"+wanted, blob)
		w.Header().Set("Docker-Content-Digest", wanted)
		w.WriteHeader(http.StatusCreated)
		return
	case req.Method == http.MethodPost:
		m.begun++
		id = strconv.Itoa(m.begun)
		put(&m.uploads, repo+"/"+id, nil)
	case req.Method == http.MethodDelete:
		delete(m.uploads, repo+"/"+id)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	part, ok := m.uploads[repo+"/"+id]
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "unknown upload")
		return
	}
	whole := slices.Concat(part, body)
	if req.Method == http.MethodPut {
		m.finish(w, repo, id, req.URL.Query().Get("digest"), whole)
		return
	}
	m.uploads[repo+"/"+id] = whole
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(len(whole)-1, 0)))
	w.WriteHeader(http.StatusAccepted)
}

func (m *Memory) finish(w http.ResponseWriter, repo, id, digest string, blob []byte) {
	delete(m.uploads, repo+"/"+id)
	if digest != digestOf(blob) {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "the bytes have another digest")
		return
	}
	put(&m.blobs, repo+"/"+digest, blob)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}
