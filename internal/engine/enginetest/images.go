package enginetest

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Store is how the engine keeps loaded images. Its zero value is a classic store without images.
type Store struct {
	// Containerd makes the store keep blobs, by digest, and show them. A stream is then read as an OCI layout.
	Containerd bool
	// Hidden makes a store of blobs not show them.
	Hidden bool
	// Blobs are the digests that a containerd store has.
	Blobs map[digest.Digest]bool
	// History are digests that a containerd store shows, and does not have: documents of the build history of the engine's BuildKit.
	History map[digest.Digest]bool
	// Manifests are the images of indexes, by the index's digest. If there are any, the engine has an API that lists them.
	Manifests map[string][]image.ManifestSummary
	// Layers are the configurations' layers of the images that a classic store has, by image ID.
	Layers map[string][]digest.Digest
	// Refuse, if not nil, is called at the end of each stream with the names of its files.
	Refuse func(files []string) error
	// Loads are the names of the files of each stream so far.
	Loads [][]string
}

// loadImages serves the request of `docker load`.
func (e *Engine) loadImages(w http.ResponseWriter, r *http.Request) {
	files := map[string][]byte{}
	var order []string
	for tr := tar.NewReader(r.Body); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			refuse(w, http.StatusInternalServerError, "%v", err)
			return
		}
		if h.Typeflag == tar.TypeReg {
			files[h.Name], _ = io.ReadAll(tr)
			order = append(order, h.Name)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Store.Loads = append(e.Store.Loads, order)
	load := e.loadClassic
	if e.Store.Containerd {
		load = e.loadContainerd
	}
	err := load(files)
	if e.Store.Refuse != nil {
		err = errors.Join(err, e.Store.Refuse(order))
	}
	if err != nil {
		reply(w, http.StatusOK, map[string]any{"errorDetail": map[string]string{"message": err.Error()}, "error": err.Error()})
		return
	}
	reply(w, http.StatusOK, map[string]string{"stream": "Loaded image\n"})
}

// loadContainerd stores every blob, and names the images of index.json; missing blobs do not matter.
func (e *Engine) loadContainerd(files map[string][]byte) error {
	if e.Store.Blobs == nil {
		e.Store.Blobs = map[digest.Digest]bool{}
	}
	for name := range files {
		if hex, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			e.Store.Blobs[digest.NewDigestFromEncoded(digest.SHA256, hex)] = true
		}
	}
	var index ocispecs.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil {
		return err
	}
	for _, desc := range index.Manifests {
		if !e.Store.Blobs[desc.Digest] {
			return fmt.Errorf("content digest %s: not found", desc.Digest)
		}
		name := desc.Annotations["io.containerd.image.name"]
		e.Images[strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")] = desc.Digest.String()
	}
	return nil
}

// loadClassic reads the layers that the store does not have from the stream.
func (e *Engine) loadClassic(files map[string][]byte) error {
	known := map[digest.Digest]bool{}
	for _, layers := range e.Store.Layers {
		for _, chain := range identity.ChainIDs(slices.Clone(layers)) {
			known[chain] = true
		}
	}
	var saved []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &saved); err != nil {
		return err
	}
	for _, one := range saved {
		var config ocispecs.Image
		if err := json.Unmarshal(files[one.Config], &config); err != nil {
			return err
		}
		for i, chain := range identity.ChainIDs(slices.Clone(config.RootFS.DiffIDs)) {
			if _, ok := files[one.Layers[i]]; !ok && !known[chain] {
				return fmt.Errorf("open /var/lib/docker/tmp/docker-import-1/%s: no such file or directory", one.Layers[i])
			}
			known[chain] = true
		}
		id := digest.FromBytes(files[one.Config]).String()
		e.keep(id, config.RootFS.DiffIDs)
		for _, tag := range one.RepoTags {
			e.Images[tag] = id
		}
	}
	return nil
}

func (e *Engine) keep(id string, layers []digest.Digest) {
	if e.Store.Layers == nil {
		e.Store.Layers = map[string][]digest.Digest{}
	}
	e.Store.Layers[id] = layers
}

func (e *Engine) tagImage(w http.ResponseWriter, r *http.Request) {
	source, ok := strings.CutSuffix(r.PathValue("ref"), "/tag")
	e.mu.Lock()
	defer e.mu.Unlock()
	id, found := e.imageID(source)
	if !ok || !found {
		refuse(w, http.StatusNotFound, "No such image: %s", source)
		return
	}
	name := r.URL.Query().Get("repo") + ":" + r.URL.Query().Get("tag")
	if e.Tag != nil {
		if err := e.Tag(name); err != nil {
			refuse(w, http.StatusInternalServerError, "%v", err)
			return
		}
	}
	e.Images[strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")] = id
	if e.Images[""] == id {
		delete(e.Images, "") // it had no name until now
	}
	w.WriteHeader(http.StatusCreated)
}

func (e *Engine) listImages(w http.ResponseWriter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ids := map[string]bool{}
	for id := range e.Store.Layers {
		ids[id] = true
	}
	for _, id := range e.Images {
		ids[id] = true
	}
	list := []image.Summary{}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		list = append(list, image.Summary{ID: id})
	}
	reply(w, http.StatusOK, list)
}

// serveContent answers on /grpc as an engine with a containerd store does.
func (e *Engine) serveContent(w http.ResponseWriter, r *http.Request) {
	if !e.Store.Containerd || e.Store.Hidden {
		refuse(w, http.StatusNotFound, "page not found")
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
	srv := grpc.NewServer()
	contentapi.RegisterContentServer(srv, blobs{e: e})
	if e.BuildKit != nil {
		controlapi.RegisterControlServer(srv, e.BuildKit)
	}
	only := make(oneConn, 1)
	only <- conn
	_ = srv.Serve(only) // until the listener has no more
}

// blobs serves the content of a containerd store.
type blobs struct {
	contentapi.UnimplementedContentServer
	e *Engine
}

func (b blobs) Info(_ context.Context, r *contentapi.InfoRequest) (*contentapi.InfoResponse, error) {
	b.e.mu.Lock()
	defer b.e.mu.Unlock()
	if _, image := b.e.imageID(r.Digest); !image && !b.e.Store.Blobs[digest.Digest(r.Digest)] && !b.e.Store.History[digest.Digest(r.Digest)] {
		return nil, status.Errorf(codes.NotFound, "content %s: not found", r.Digest)
	}
	return &contentapi.InfoResponse{Info: &contentapi.Info{Digest: r.Digest, Labels: b.e.originLabels(r.Digest)}}, nil
}

// originLabels returns the labels that containerd sets on fetched blobs.
func (e *Engine) originLabels(id string) map[string]string {
	labels := map[string]string{"containerd.io/gc.ref.content.config": id}
	for _, origin := range e.Origins[id] {
		registry, path, _ := strings.Cut(origin, "/")
		host, _, _ := strings.Cut(registry, ":")
		key := "containerd.io/distribution.source." + host
		labels[key] = strings.TrimPrefix(labels[key]+","+path, ",")
	}
	return labels
}

// oneConn is a listener for existing connections.
type oneConn chan net.Conn

func (l oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l:
		return c, nil
	default:
		return nil, net.ErrClosed
	}
}
func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "engine", Net: "unix"} }
