package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// pushBlob uploads a blob, of which body is a first copy. The transport repeats requests without a body; a broken upload is resumed
// here, or begun again, by the same policy, with the blob read again. A login that expires meanwhile is renewed without a pause.
func (u *upload) pushBlob(ctx context.Context, desc ocispecs.Descriptor, body io.Reader) error {
	pauses, renewals := u.client.Backoff(), 0
	var at session
	for {
		resumed := at.location != nil
		err := u.tryBlob(ctx, desc, body, &at)
		if err == nil || ctx.Err() != nil || isOnce(ctx) || !isBrokenUpload(err) && (!resumed || !isStatus(err)) {
			return err
		}
		if resumed || isStatus(err) {
			at = session{} // the registry does not take the rest
		}
		body = nil
		if isExpired(err) && renewals < maxRenewals && !pauses.Off() {
			renewals++
			continue
		}
		err = pauses.wait(ctx, u.client.askedIn(err), err, func(pause time.Duration) {
			u.client.opt.Report(Wait{Registry: u.repo.endpoint.name, Reason: err.Error(), Delay: pause})
		})
		if err != nil {
			return err
		}
	}
}

// maxRenewals bounds how often one blob is sent again at once because its login has expired.
const maxRenewals = 2

// session is an upload that a registry has begun; the zero value is none.
type session struct{ location *url.URL }

// tryBlob uploads a blob once, from body or, if that is nil, from the source. It resumes a session if the registry allows it, and
// otherwise begins one.
func (u *upload) tryBlob(ctx context.Context, desc ocispecs.Descriptor, body io.Reader, at *session) (err error) {
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
	err = u.sendBlob(ctx, desc, checked, at)
	if broken := checked.broken.Load(); broken != nil {
		return &sourceError{fmt.Errorf("read %s: %w", desc.Digest, *broken)}
	}
	return err
}

// sendBlob finishes an upload with the whole blob, or with the rest of it, in one request.
func (u *upload) sendBlob(ctx context.Context, desc ocispecs.Descriptor, body io.Reader, at *session) error {
	sent := u.received(ctx, desc, at)
	if at.location == nil {
		begun, err := u.repo.startUpload(ctx, "")
		if err != nil {
			return err
		}
		defer discard(begun)
		if !registryhttp.IsSuccess(begun) {
			return responseError(begun)
		}
		if at.location, err = registryhttp.UploadURL(begun, u.repo.endpoint.origin()); err != nil {
			return err
		}
	}
	if _, err := io.CopyN(io.Discard, body, sent); err != nil { // it is read all the same, to be checked
		return err
	}
	return u.finishUpload(ctx, at.location, desc, sent, body)
}

// minResume is the size of blobs in bytes from which on an upload is resumed: smaller ones are sent again as fast as the question is
// answered.
const minResume = 1 << 20

// received asks how many bytes of a blob the registry has received in a session (https://github.com/opencontainers/distribution-spec,
// "GET /v2/<name>/blobs/uploads/<reference>"). If it does not say, the session is dropped.
func (u *upload) received(ctx context.Context, desc ocispecs.Descriptor, at *session) int64 {
	location := at.location
	at.location = nil
	if location == nil || desc.Size < minResume {
		return 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
	if err != nil {
		return 0
	}
	resp, err := u.repo.endpoint.sendOn(req)
	if err != nil {
		return 0
	}
	defer discard(resp)
	last, ok := registryhttp.UploadedUpTo(resp.Header)
	if !registryhttp.IsSuccess(resp) || !ok || last+1 >= desc.Size {
		return 0
	}
	at.location = location
	if resp.Header.Get("Location") != "" {
		if at.location, err = registryhttp.UploadURL(resp, u.repo.endpoint.origin()); err != nil {
			at.location = nil
			return 0
		}
	}
	return last + 1
}

// finishUpload sends a blob, without the bytes that were sent before, to where the registry wants it: with the login if that is the
// registry, else without.
func (u *upload) finishUpload(ctx context.Context, location *url.URL, desc ocispecs.Descriptor, sent int64, body io.Reader) error {
	if desc.Size == 0 {
		body = http.NoBody // otherwise its length would be unknown to net/http
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, registryhttp.WithDigest(location, desc.Digest.String()).String(), body)
	if err != nil {
		return err
	}
	req.ContentLength = desc.Size - sent
	req.Header.Set("Content-Type", "application/octet-stream")
	if sent > 0 {
		req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", sent, desc.Size-1))
	}
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

// isExpired reports whether an upload ended because the registry no longer accepts its login: the body cannot be sent twice.
func isExpired(err error) bool {
	return strings.Contains(err.Error(), "request body is not rewindable")
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
		return registryhttp.IsMomentary(response.StatusCode) ||
			hasCode(response, errcode.ErrorCodeBlobUploadUnknown) || hasCode(response, errcode.ErrorCodeBlobUploadInvalid)
	}
	return isTransient(err) || isExpired(err)
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
