package enginetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/volume"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

func (e *Engine) inspectImage(w http.ResponseWriter, r *http.Request) {
	ref := strings.TrimSuffix(r.PathValue("ref"), "/json")
	if r.PathValue("ref") == "json" {
		e.listImages(w)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if id, ok := e.imageID(ref); ok {
		reply(w, 200, image.InspectResponse{
			ID: id, RepoTags: e.names(id), RepoDigests: e.repoDigests(id), RootFS: image.RootFS{Type: "layers", Layers: texts(e.Store.Layers[id])},
			Manifests: e.Store.Manifests[id],
		})
		return
	}
	refuse(w, http.StatusNotFound, "No such image: %s", ref)
}

// names returns the names of an image; the empty name stands for none.
func (e *Engine) names(id string) (names []string) {
	for name, of := range e.Images {
		if of == id && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// repoDigests returns the digests that a classic store records for pulls. A containerd store has one for each name of every
// image.
func (e *Engine) repoDigests(id string) (texts []string) {
	repositories := e.Origins[id]
	if e.Store.Containerd {
		repositories = nil
		for _, name := range e.names(id) {
			repository, _, _ := strings.Cut(name, ":")
			repositories = append(repositories, repository)
		}
	}
	for _, repository := range repositories {
		texts = append(texts, strings.TrimPrefix(strings.TrimPrefix(repository, "docker.io/"), "library/")+"@"+manifestOf(id).String())
	}
	return texts
}

// manifestOf returns the digest of an image's manifest, which is the ID itself with a containerd store.
func manifestOf(id string) digest.Digest {
	if d, err := digest.Parse(id); err == nil {
		return d
	}
	return digest.FromString(id)
}

// removeImage removes a name, and with the last one the image.
func (e *Engine) removeImage(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ref := familiar(r.PathValue("ref"))
	id, ok := e.imageID(ref)
	if !ok {
		refuse(w, http.StatusNotFound, "No such image: %s", ref)
		return
	}
	if delete(e.Images, ref); ref == id {
		for _, name := range append(e.names(id), "") {
			delete(e.Images, name)
		}
	}
	if len(e.names(id)) == 0 {
		delete(e.Store.Layers, id)
		delete(e.Store.Blobs, digest.Digest(id))
	}
	reply(w, 200, []image.DeleteResponse{{Untagged: ref}})
}

// familiar returns a reference in the form of the engine's maps.
func familiar(ref string) string {
	return strings.Replace(strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/"), "@", ":", 1)
}

func texts(digests []digest.Digest) (out []string) {
	for _, d := range digests {
		out = append(out, d.String())
	}
	return out
}

func (e *Engine) imageID(ref string) (string, bool) {
	if _, ok := e.Store.Layers[ref]; ok {
		return ref, true // an image without a name
	}
	ref = familiar(ref)
	if id, ok := e.Images[ref]; ok {
		return id, true
	}
	for _, id := range e.Images {
		if id == ref {
			return id, true
		}
	}
	return "", false
}

func (e *Engine) pull(w http.ResponseWriter, r *http.Request) {
	ref := strings.TrimPrefix(r.URL.Query().Get("fromImage"), "docker.io/") + ":" + r.URL.Query().Get("tag")
	ref = strings.TrimPrefix(ref, "library/")
	if e.Pull == nil {
		refuse(w, http.StatusInternalServerError, "Get \"https://registry-1.docker.io/v2/\": no route to host")
		return
	}
	if err := e.Pull(ref); err != nil {
		refuse(w, http.StatusInternalServerError, "%v", err)
		return
	}
	if named, err := reference.ParseNormalizedNamed(r.URL.Query().Get("fromImage")); err == nil {
		e.cameFrom(ref, named.Name())
	}
	reply(w, 200, map[string]string{"status": "Downloaded newer image for " + ref})
}

// cameFrom records the repository that an image was pulled from.
func (e *Engine) cameFrom(ref, repository string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id, ok := e.imageID(ref); ok {
		e.Origins[id] = append(e.Origins[id], repository)
	}
}

// askRegistry answers with the digest that a registry has.
func (e *Engine) askRegistry(w http.ResponseWriter, r *http.Request) {
	ref := familiar(strings.TrimSuffix(r.PathValue("ref"), "/json"))
	if d, ok := e.Registries[ref]; ok {
		reply(w, 200, registry.DistributionInspect{Descriptor: ocispecs.Descriptor{Digest: d}})
		return
	}
	refuse(w, http.StatusInternalServerError, "Get \"https://registry-1.docker.io/v2/\": no route to host")
}

func (e *Engine) create(w http.ResponseWriter, r *http.Request) {
	var req container.CreateRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id, ok := e.imageID(req.Image)
	if !ok {
		refuse(w, http.StatusNotFound, "No such image: %s", req.Image)
		return
	}
	name := r.URL.Query().Get("name")
	if name != "" && e.find(name) != nil {
		refuse(w, http.StatusConflict, "Conflict. The container name %q is already in use", name)
		return
	}
	if missing := e.missingFolder(req.HostConfig); missing != "" && !e.LateMounts {
		refuse(w, http.StatusBadRequest, `invalid mount config for type "bind": bind source path does not exist: %s`, missing)
		return
	}
	e.serial++
	c := &Container{
		ID: fmt.Sprintf("%064x", e.serial), Name: name, Config: req.Config, HostConfig: req.HostConfig,
		Status: container.StateCreated, image: id, started: make(chan struct{}), ended: make(chan struct{}),
	}
	if name == "" {
		c.Name = "unnamed" + c.ID
	}
	e.containers[c.ID] = c
	for _, m := range mounts(req.HostConfig) {
		if m.Type == mount.TypeVolume {
			e.volumes[m.Source] = true
		}
	}
	reply(w, http.StatusCreated, map[string]string{"Id": c.ID})
}

// missingFolder returns a folder of the host that a container is to mount and that does not exist; "" if there is none.
func (e *Engine) missingFolder(h *container.HostConfig) string {
	for _, m := range mounts(h) {
		if m.Type == mount.TypeBind && !slices.Contains(e.Folders, m.Source) {
			return m.Source
		}
	}
	return ""
}

func mounts(h *container.HostConfig) []mount.Mount {
	if h == nil {
		return nil
	}
	return h.Mounts
}

func (e *Engine) list(w http.ResponseWriter, r *http.Request) {
	var filters map[string]map[string]bool
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters)
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []container.Summary{}
	for _, c := range e.containers {
		match := true
		for l := range filters["label"] {
			k, v, valued := strings.Cut(l, "=")
			have, ok := c.Config.Labels[k]
			match = match && ok && (!valued || have == v)
		}
		if match {
			out = append(out, container.Summary{ID: c.ID, Names: []string{"/" + c.Name}, Labels: c.Config.Labels, State: c.Status})
		}
	}
	reply(w, 200, out)
}

func (e *Engine) inspect(w http.ResponseWriter, _ *http.Request, c *Container) {
	reply(w, 200, container.InspectResponse{
		ID: c.ID, Name: "/" + c.Name, Image: c.image, Config: c.Config, HostConfig: c.HostConfig, RestartCount: c.RestartCount,
		State: &container.State{
			Status: c.Status, Running: c.Status == container.StateRunning,
			Paused: c.Status == container.StatePaused, ExitCode: c.ExitCode, StartedAt: c.StartedAt,
		},
	})
}

func (e *Engine) start(w http.ResponseWriter, _ *http.Request, c *Container) {
	if c.Status == container.StateRunning {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if missing := e.missingFolder(c.HostConfig); missing != "" {
		refuse(w, http.StatusBadRequest, "mounts denied: the path %s is not known", missing)
		return
	}
	c.Status = container.StateRunning
	if c.Starts++; c.Starts == 1 {
		close(c.started)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (e *Engine) setState(s container.ContainerState) func(http.ResponseWriter, *http.Request, *Container) {
	return func(w http.ResponseWriter, _ *http.Request, c *Container) {
		c.Status = s
		w.WriteHeader(http.StatusNoContent)
	}
}

func (e *Engine) rename(w http.ResponseWriter, r *http.Request, c *Container) {
	name := r.URL.Query().Get("name")
	if e.find(name) != nil {
		refuse(w, http.StatusConflict, "Conflict. The container name %q is already in use", name)
		return
	}
	c.Name = name
	w.WriteHeader(http.StatusNoContent)
}

func (e *Engine) remove(w http.ResponseWriter, _ *http.Request, c *Container) {
	delete(e.containers, c.ID)
	w.WriteHeader(http.StatusNoContent)
}

func (e *Engine) copyTo(w http.ResponseWriter, r *http.Request, c *Container) {
	archive, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	c.Archives = append(c.Archives, archive)
	w.WriteHeader(http.StatusOK)
}

func (e *Engine) logs(w http.ResponseWriter, _ *http.Request, _ *Container) {
	_, _ = frames{w: w, kind: 2}.Write([]byte(cmp.Or(e.Logged, "the last words") + "\n"))
}

func (e *Engine) removeVolume(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := r.PathValue("name")
	if !e.volumes[name] {
		refuse(w, http.StatusNotFound, "get %s: no such volume", name)
		return
	}
	for _, c := range e.containers {
		if slices.ContainsFunc(mounts(c.HostConfig), func(m mount.Mount) bool { return m.Source == name }) {
			refuse(w, http.StatusConflict, "remove %s: volume is in use - [%s]", name, c.ID)
			return
		}
	}
	delete(e.volumes, name)
	w.WriteHeader(http.StatusNoContent)
}

func (e *Engine) inspectVolume(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := r.PathValue("name")
	if !e.volumes[name] {
		refuse(w, http.StatusNotFound, "get %s: no such volume", name)
		return
	}
	reply(w, http.StatusOK, volume.Volume{Name: name})
}
