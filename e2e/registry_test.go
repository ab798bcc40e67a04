//go:build e2e

package e2e

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	ociIndex     = "application/vnd.oci.image.index.v1+json"
	ociManifest  = "application/vnd.oci.image.manifest.v1+json"
	dockerList   = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerSchema = "application/vnd.docker.distribution.manifest.v2+json"
)

// descriptor is an entry of a manifest.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	Platform  *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
	} `json:"platform"`
}

// platform returns the entry's, as it is written; "" without one.
func (d descriptor) platform() string {
	if d.Platform == nil {
		return ""
	}
	return strings.TrimSuffix(d.Platform.OS+"/"+d.Platform.Architecture+"/"+d.Platform.Variant, "/")
}

// remote is an index or an image in a registry.
type remote struct {
	MediaType string       `json:"mediaType"`
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`

	repo, digest string
	header       http.Header
}

// platforms returns those of an index, in its order.
func (r remote) platforms() []string {
	var list []string
	for _, m := range r.Manifests {
		list = append(list, m.platform())
	}
	return list
}

// get sends a request to a registry over plain HTTP; rest is the rest of the path after the repository.
func (s *story) get(repo, rest string) (*http.Response, []byte) {
	s.Helper()
	host, path, _ := strings.Cut(repo, "/")
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+host+"/v2/"+path+"/"+rest, nil)
	s.check(err)
	req.Header.Set("Accept", strings.Join([]string{ociIndex, ociManifest, dockerList, dockerSchema}, ","))
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	s.check(err)
	return resp, body
}

// exists reports whether a tag or digest is in a repository.
func (s *story) exists(repo, reference string) bool {
	s.Helper()
	resp, _ := s.get(repo, "manifests/"+reference)
	return resp.StatusCode == http.StatusOK
}

// remote reads the index or image behind a tag or digest of a repository.
func (s *story) remote(repo, reference string) remote {
	s.Helper()
	resp, body := s.get(repo, "manifests/"+reference)
	if resp.StatusCode != http.StatusOK {
		s.Fatalf("%s has no %s: %s", repo, reference, resp.Status)
	}
	r := remote{repo: repo, digest: fmt.Sprintf("sha256:%x", sha256.Sum256(body)), header: resp.Header}
	s.check(json.Unmarshal(body, &r))
	return r
}

// image returns one platform's image behind a tag, or the only one.
func (s *story) image(repo, reference, platform string) remote {
	s.Helper()
	r := s.remote(repo, reference)
	if len(r.Manifests) == 0 {
		return r
	}
	for _, m := range r.Manifests {
		if m.platform() == platform {
			return s.remote(repo, m.Digest)
		}
	}
	s.Fatalf("%s:%s has no %s, only %v", repo, reference, platform, r.platforms())
	return remote{}
}

// imageConfig is the part of an image's configuration that stories check.
type imageConfig struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Config       struct {
		Labels map[string]string
		Env    []string
	} `json:"config"`
	raw string
}

func (s *story) imageConfig(r remote) imageConfig {
	s.Helper()
	_, body := s.get(r.repo, "blobs/"+r.Config.Digest)
	c := imageConfig{raw: string(body)}
	s.check(json.Unmarshal(body, &c))
	return c
}

// contents returns the files of an image, of all its layers.
func (s *story) contents(r remote) files {
	s.Helper()
	all := files{}
	for _, layer := range r.Layers {
		_, body := s.get(r.repo, "blobs/"+layer.Digest)
		s.check(untar(bytes.NewReader(body), all))
	}
	return all
}

// untar reads an archive, with or without compression.
func untar(r io.Reader, into files) error {
	plain := bufio.NewReader(r)
	r = plain
	if head, err := plain.Peek(2); err == nil && string(head) == "\x1f\x8b" {
		if r, err = gzip.NewReader(plain); err != nil {
			return err
		}
	}
	for t := tar.NewReader(r); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return err
		}
		into[header.Name] = string(data)
	}
}

// fileOf returns a file of one platform's image behind a tag, without spaces around its text.
func (s *story) fileOf(repo, tag, platform, name string) string {
	s.Helper()
	text, ok := s.contents(s.image(repo, tag, platform))[name]
	if !ok {
		s.Fatalf("%s:%s for %s has no file %s", repo, tag, platform, name)
	}
	return strings.TrimSpace(text)
}
