package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

const (
	mergeThree = "merge of 3 platforms"
	mergeFar   = "merge of 3 platforms, 25 ms a request"
)

// far is the delay that the slow proxy adds to each request to its registry.
const far = 25 * time.Millisecond

// merges compares ours with `docker buildx imagetools create`, and with `docker manifest create` and `push` where each request
// costs 25 ms. The images are in the tag's repository, and the tag names something else before each run.
func (w *world) merges(ctx context.Context) ([]row, error) {
	images, other, err := w.images()
	if err != nil {
		return nil, err
	}
	slow, err := w.farRegistry(ctx)
	if err != nil {
		return nil, err
	}
	repo := w.base[:strings.LastIndex(w.base, ":")]
	path := repo[strings.Index(repo, "/"):]
	env := w.ways[0].env
	named := func(repo string) (names []string) {
		for _, digest := range images {
			names = append(names, repo+"@"+digest)
		}
		return names
	}
	reset := func() error {
		for _, who := range []string{ours, peer} {
			if err := w.move("http://"+w.registry+"/v2"+path+"/manifests/bench-"+who, other); err != nil {
				return err
			}
		}
		return nil
	}
	our := func(repo string) []string {
		return slices.Concat([]string{"docker", "multiarch", "manifest", "merge", "-t", repo + ":bench-" + ours}, named(repo))
	}
	theirs := slices.Concat([]string{"docker", "buildx", "imagetools", "create", "-t", repo + ":bench-" + peer}, named(repo))
	list := slow + path + ":bench-" + peer
	script := fmt.Sprintf("docker manifest create --insecure %[1]s %[2]s && docker manifest push --insecure --purge %[1]s", list, strings.Join(named(slow+path), " "))
	return []row{
		{name: mergeThree, unit: millis, before: reset, who: []contestant{{ours, our(repo), env}, {peer, theirs, env}}},
		{name: mergeFar, unit: millis, before: reset, who: []contestant{{ours, our(slow + path), env}, {peer, []string{"sh", "-c", script}, env}}},
	}, nil
}

// images returns the digests of three of the base's images, and the base's index.
func (w *world) images() (digests []string, index []byte, err error) {
	i := strings.LastIndex(w.base, ":")
	repo, tag := w.base[:i], w.base[i+1:]
	req, err := http.NewRequest(http.MethodGet, "http://"+strings.Replace(repo, "/", "/v2/", 1)+"/manifests/"+tag, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", ociIndex)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if index, err = io.ReadAll(resp.Body); err != nil {
		return nil, nil, err
	}
	var parsed struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal(index, &parsed); err != nil || len(parsed.Manifests) < 3 {
		return nil, nil, fmt.Errorf("the base image has no three platforms: %w: %.200s", err, index)
	}
	for _, m := range parsed.Manifests[:3] {
		digests = append(digests, m.Digest)
	}
	return digests, index, nil
}

const ociIndex = "application/vnd.oci.image.index.v1+json"

// move writes a tag.
func (w *world) move(target string, body []byte) error {
	req, err := http.NewRequest(http.MethodPut, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", ociIndex)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s", target, resp.Status)
	}
	return nil
}

// farRegistry returns the registry behind a proxy with a delay.
func (w *world) farRegistry(ctx context.Context) (string, error) {
	near := w.backend()
	return w.serve(ctx, http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		time.Sleep(far)
		near.ServeHTTP(rw, req)
	}))
}

// backend passes requests on to the registry.
func (w *world) backend() http.Handler {
	return faultregistry.Upstream(&url.URL{Scheme: "http", Host: w.registry})
}

// serve serves on the loopback interface until the end, and returns host:port.
func (w *world) serve(ctx context.Context, h http.Handler) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: h}
	w.undo = append(w.undo, func(context.Context) { _ = server.Close() })
	go func() { _ = server.Serve(l) }()
	return l.Addr().String(), nil
}
