//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const layerType = "application/vnd.oci.image.layer.v1.tar+gzip"

// handmade is an image that no builder makes: the story determines the content of its layers.
type handmade struct {
	entrypoint []string
	layers     [][]byte                   // as they are stored
	say        func(layer *handmadeLayer) // changes the manifest's entry of a layer; nil leaves it correct
}

// handmadeLayer is a descriptor that is written.
type handmadeLayer struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// pushHandmade gives the image a tag, as an image for linux/amd64.
func (s *story) pushHandmade(repo, tag string, img handmade) {
	s.Helper()
	var layers []handmadeLayer
	var diffs []string
	for _, blob := range img.layers {
		l := handmadeLayer{layerType, s.pushBlob(repo, blob), int64(len(blob))}
		diffs = append(diffs, l.Digest)
		if img.say != nil {
			img.say(&l)
		}
		layers = append(layers, l)
	}
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{"Entrypoint": img.entrypoint, "Env": []string{"PATH=/usr/bin:/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	s.check(err)
	body, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest, "layers": layers,
		"config": handmadeLayer{"application/vnd.oci.image.config.v1+json", s.pushBlob(repo, config), int64(len(config))},
	})
	s.check(err)
	host, path, _ := strings.Cut(repo, "/")
	s.send(http.MethodPut, "http://"+host+"/v2/"+path+"/manifests/"+tag, ociManifest, body)
}

// pushBlob returns the blob's digest.
func (s *story) pushBlob(repo string, blob []byte) string {
	s.Helper()
	host, path, _ := strings.Cut(repo, "/")
	digest := digestOf(string(blob))
	location := s.send(http.MethodPost, "http://"+host+"/v2/"+path+"/blobs/uploads/", "", nil)
	target, err := url.Parse(location)
	s.check(err)
	query := target.Query()
	query.Set("digest", digest)
	target.RawQuery = query.Encode()
	s.send(http.MethodPut, target.String(), "application/octet-stream", blob)
	return digest
}

// send makes a request that has to succeed, and returns the location in the answer.
func (s *story) send(method, target, mediaType string, body []byte) string {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, target, bytes.NewReader(body))
	s.check(err)
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	defer resp.Body.Close()
	if said, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		s.Fatalf("%s %s: %s: %s", method, target, resp.Status, said)
	}
	return resp.Header.Get("Location")
}

// packed returns a layer with the entries that write adds.
func (s *story) packed(write func(add func(h tar.Header, content string))) []byte {
	s.Helper()
	return s.zipped(func(w io.Writer) error {
		t := tar.NewWriter(w)
		var first error
		write(func(h tar.Header, content string) {
			h.Size = int64(len(content))
			if h.Mode == 0 {
				h.Mode = 0o755
			}
			err := t.WriteHeader(&h)
			if err == nil {
				_, err = io.WriteString(t, content)
			}
			if first == nil {
				first = err
			}
		})
		if first != nil {
			return first
		}
		return t.Close()
	})
}

func (s *story) zipped(write func(io.Writer) error) []byte {
	s.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	s.check(err)
	s.check(write(z))
	s.check(z.Close())
	return out.Bytes()
}

// peakOf runs the plugin itself, without the Docker CLI, and also returns the most memory in bytes that it had.
func (s *story) peakOf(args ...string) (result, int64) {
	s.Helper()
	p := s.startProgram(pluginFile, call{args: args, env: []string{"DOCKER_HOST=unix:///nowhere.sock"}})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	// The value of wait4 is no less than the memory of this process when it started the other one, so the kernel is asked
	// meanwhile: the mark only ever rises.
	for most := int64(0); ; {
		most = max(most, highWater(p.cmd.Process.Pid))
		select {
		case <-tick.C:
		case <-p.done:
			return p.wait(), most
		}
	}
}

// highWater returns the peak of a process's resident memory, in bytes; 0 if it has ended, or has not begun to run its program.
func highWater(pid int) int64 {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	if program, err := os.Readlink(filepath.Join(proc, "exe")); err != nil || program != pluginFile {
		return 0
	}
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	_, _ = fmt.Sscan(after, &kib) // a process that ends has none
	return kib << 10
}
