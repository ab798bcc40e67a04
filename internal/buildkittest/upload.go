package buildkittest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	remoteserrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/moby/buildkit/util/errutil"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// repository is a repository that images are pushed to, in the way of BuildKit: each blob is looked up before it is sent, and a request
// that may succeed later is tried four times within seven seconds (util/resolver/retryhandler). That excludes every status below 500, such
// as 429.
type repository struct {
	transport http.RoundTripper // nil: the default one
	sleep     func(context.Context, time.Duration) error
	base      string // "http://host/v2/path"
}

func (b *Builder) repository(name string) repository {
	host, path, _ := strings.Cut(name, "/")
	sleep := b.Sleep
	if sleep == nil {
		sleep = manifest.Sleep
	}
	return repository{b.Transport, sleep, "http://" + host + "/v2/" + path}
}

// push pushes the image. It calls layersDone before the manifest.
func (i image) push(ctx context.Context, to repository, layersDone func()) error {
	for _, one := range i.blobs() {
		kind := "blobs"
		if one.kind == "manifest" {
			kind = "manifests"
			layersDone()
		}
		if err := to.send(ctx, kind, one); err != nil {
			return err
		}
	}
	return nil
}

func (r repository) send(ctx context.Context, kind string, one blob) error {
	for pause := time.Second; ; pause *= 2 {
		err := r.try(ctx, kind, one)
		if err == nil || ctx.Err() != nil || pause > 4*time.Second || !isTemporary(err) {
			return errutil.WithDetails(err) // as BuildKit shows it
		}
		if err := r.sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func isTemporary(err error) bool {
	if status, ok := errors.AsType[remoteserrors.ErrUnexpectedStatus](err); ok {
		return status.StatusCode >= http.StatusInternalServerError
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// try looks a blob or a manifest up, and sends it if it is missing.
func (r repository) try(ctx context.Context, kind string, one blob) error {
	target := r.base + "/" + kind + "/" + one.desc.Digest.String()
	status, _, err := r.do(ctx, http.MethodHead, target, one.desc.MediaType, nil, http.StatusNotFound)
	if err != nil || status != http.StatusNotFound {
		return err
	}
	if kind == "blobs" {
		_, location, err := r.do(ctx, http.MethodPost, r.base+"/blobs/uploads/", "", nil)
		if err != nil {
			return err
		}
		location.RawQuery = url.Values{"digest": {one.desc.Digest.String()}}.Encode()
		target = location.String()
	}
	_, _, err = r.do(ctx, http.MethodPut, target, one.desc.MediaType, one.data)
	return err
}

// do sends a request, and returns the status and the location of the answer. Success is any 2xx, or the other status that is expected.
func (r repository) do(ctx context.Context, method, target, mediaType string, body []byte, expected ...int) (int, *url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := (&http.Client{Transport: r.transport}).Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("failed to do request: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 && (len(expected) == 0 || resp.StatusCode != expected[0]) {
		return 0, nil, remoteserrors.NewUnexpectedStatusErr(resp)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, nil, err
	}
	location, err := req.URL.Parse(resp.Header.Get("Location"))
	return resp.StatusCode, location, err
}
