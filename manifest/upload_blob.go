package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// pushBlob uploads a blob, of which body is a first copy. The transport repeats requests without a body; a broken upload is begun
// again here, by the same policy, with the blob read again.
func (u *upload) pushBlob(ctx context.Context, desc ocispecs.Descriptor, body io.Reader) error {
	pauses := u.client.Backoff()
	for {
		err := u.tryBlob(ctx, desc, body)
		if err == nil || ctx.Err() != nil || !isBrokenUpload(err) {
			return err
		}
		err = pauses.wait(ctx, u.client.askedIn(err), err, func(pause time.Duration) {
			u.client.opt.Report(Wait{Registry: u.repo.endpoint.name, Reason: err.Error(), Delay: pause})
		})
		if err != nil {
			return err
		}
		body = nil
	}
}

// tryBlob uploads a blob once, from body or, if that is nil, from the source.
func (u *upload) tryBlob(ctx context.Context, desc ocispecs.Descriptor, body io.Reader) (err error) {
	if body == nil {
		again, err := u.src.Fetch(ctx, desc)
		if err != nil {
			return &sourceError{fmt.Errorf("read %s: %w", desc.Digest, err)}
		}
		defer func() { _ = again.Close() }() // it was read to its end, or the upload failed
		body = again
	}
	checked, err := newCheckedReader(body, desc)
	if err != nil {
		return &sourceError{err}
	}
	err = u.sendBlob(ctx, desc, checked)
	if broken := checked.broken.Load(); broken != nil {
		return &sourceError{fmt.Errorf("read %s: %w", desc.Digest, *broken)}
	}
	return err
}

// sendBlob starts an upload and finishes it with the whole blob in one request.
func (u *upload) sendBlob(ctx context.Context, desc ocispecs.Descriptor, body io.Reader) error {
	begun, err := u.repo.startUpload(ctx, "")
	if err != nil {
		return err
	}
	defer discard(begun)
	if !registryhttp.IsSuccess(begun) {
		return responseError(begun)
	}
	return u.finishUpload(ctx, begun, desc, body)
}

// finishUpload sends a blob to where the registry wants it: with the login if that is the registry, else without.
func (u *upload) finishUpload(ctx context.Context, begun *http.Response, desc ocispecs.Descriptor, body io.Reader) error {
	location, err := registryhttp.UploadURL(begun, u.repo.endpoint.origin())
	if err != nil {
		return err
	}
	if desc.Size == 0 {
		body = http.NoBody // otherwise its length would be unknown to net/http
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, registryhttp.WithDigest(location, desc.Digest.String()).String(), body)
	if err != nil {
		return err
	}
	req.ContentLength = desc.Size
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := u.repo.endpoint.sendOn(req)
	if err != nil {
		return err
	}
	defer discard(resp)
	if !registryhttp.IsSuccess(resp) {
		return responseError(resp)
	}
	return nil
}

// isBrokenUpload reports whether an upload may succeed when it is begun again: transient errors, an upload that the registry
// forgot, and a login that expired while the body was sent.
func isBrokenUpload(err error) bool {
	var source *sourceError
	var gaveUp *gaveUpError
	var response *errcode.ErrorResponse
	switch {
	case errors.As(err, &source), errors.As(err, &gaveUp):
		return false
	case errors.As(err, &response):
		return isTransientStatus(response.StatusCode) ||
			hasCode(response, errcode.ErrorCodeBlobUploadUnknown) || hasCode(response, errcode.ErrorCodeBlobUploadInvalid)
	}
	return isTransient(err) || strings.Contains(err.Error(), "request body is not rewindable")
}

// checkedReader reads a blob and checks it before it returns the last bytes, so that a registry never gets a complete blob that
// is wrong.
type checkedReader struct {
	r        io.Reader
	verifier digest.Verifier
	left     int64
	broken   atomic.Pointer[error] // the source's error; the transport may read on after its answer
}

func newCheckedReader(r io.Reader, desc ocispecs.Descriptor) (*checkedReader, error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("%q: %w", desc.Digest, err)
	}
	if desc.Size < 0 {
		return nil, fmt.Errorf("%s: a size of %d bytes is less than none", desc.Digest, desc.Size)
	}
	return &checkedReader{r: r, verifier: desc.Digest.Verifier(), left: desc.Size}, nil
}

func (c *checkedReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	_, _ = c.verifier.Write(p[:n]) // a hash accepts everything
	c.left -= int64(n)
	switch {
	case c.left == 0 && !c.verifier.Verified():
		return 0, c.fail(content.ErrMismatchedDigest)
	case c.left == 0:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, c.fail(io.ErrUnexpectedEOF)
	case err != nil:
		return n, c.fail(err)
	}
	return n, nil
}

func (c *checkedReader) fail(err error) error {
	c.broken.Store(&err)
	return err
}
