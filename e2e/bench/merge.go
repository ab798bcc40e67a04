package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// far is the delay that the slow proxy adds to each request to its registry.
const far = 25 * time.Millisecond

// merges compares ours with `docker buildx imagetools create`, and with `docker manifest create` and `push` where each request
// costs 25 ms. The images are in the tag's repository, and the tag names something else before each run.
func (w *world) merges(ctx context.Context) ([]measure.Row, error) {
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
	y := w.ways[0]
	named := func(repo string) (names []string) {
		for _, digest := range images {
			names = append(names, repo+"@"+digest)
		}
		return names
	}
	reset := func() error {
		for _, who := range []string{measure.Ours, measure.Peer} {
			if err := w.move("http://"+w.registry+"/v2"+path+"/manifests/bench-"+who, other); err != nil {
				return err
			}
		}
		return nil
	}
	our := func(repo string) measure.Contestant {
		return y.ours(slices.Concat([]string{"manifest", "merge", "-t", repo + ":bench-" + measure.Ours}, named(repo))...)
	}
	theirs := y.buildx(measure.Peer, slices.Concat([]string{"imagetools", "create", "-t", repo + ":bench-" + measure.Peer}, named(repo))...)
	list := slow + path + ":bench-" + measure.Peer
	script := fmt.Sprintf("docker manifest create --insecure %[1]s %[2]s && docker manifest push --insecure --purge %[1]s",
		list, strings.Join(named(slow+path), " "))
	return []measure.Row{
		{Name: "merge of 3 platforms", Unit: measure.Millis, Want: ofPeer(0.8), Before: reset, Who: []measure.Contestant{our(repo), theirs}},
		{
			Name: "merge of 3 platforms, 25 ms a request", Unit: measure.Millis, Want: ofPeer(0.5), Before: reset,
			Who: []measure.Contestant{our(slow + path), {Name: measure.Peer, Cmd: []string{"sh", "-c", script}, Env: y.env}},
		},
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
