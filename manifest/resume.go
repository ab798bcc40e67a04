package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxResumes bounds how often the reading of one blob is taken up again.
const maxResumes = 3

// resumed is a blob that is read on where the registry broke off or fell silent: maxResumes times, and never where the policy has one
// attempt only.
type resumed struct {
	ctx     context.Context // of the Fetch
	source  *Source
	desc    ocispecs.Descriptor
	body    io.ReadCloser
	offset  int64
	resumes int
}

func (r *resumed) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.offset += int64(n)
		if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return n, err
		}
		if n > 0 {
			return n, nil // the error comes again with the next read
		}
		if err = r.again(err); err != nil {
			return 0, err
		}
	}
}

// again opens the blob where the reading ended; the result is why it does not.
func (r *resumed) again(reason error) error {
	s, opt := r.source, r.source.opt
	fail := func(err error) error { return s.repo.fail(r.ctx, s.op("read", r.desc), err) }
	for {
		if gave := (*gaveUpError)(nil); r.ctx.Err() != nil || opt.Retry.MaxWait < 0 || !isTransient(reason) || errors.As(reason, &gave) {
			return fail(reason)
		}
		if r.resumes++; r.resumes > maxResumes {
			err := fail(&gaveUpError{attempts: r.resumes, why: fmt.Sprintf("after %d of %d bytes", r.offset, r.desc.Size), last: reason})
			s.lost.Store(r.desc.Digest, err)
			return err
		}
		delay := opt.Retry.delay(r.resumes)
		opt.Report(Wait{Registry: s.repo.endpoint.name, Reason: fmt.Sprintf("reading %s: %v", r.desc.Digest, reason), Delay: delay})
		if err := opt.Clock.Sleep(r.ctx, delay); err != nil {
			return fail(err)
		}
		_ = r.body.Close() // it is broken
		r.body = http.NoBody
		body, err := s.from(s.scope(r.ctx), r.desc, r.offset)
		if err == nil {
			r.body = body
			return nil
		}
		reason = err
	}
}

func (r *resumed) Close() error { return r.body.Close() }

// from reads a blob from an offset on. A registry that does not know ranges sends it from its beginning.
func (s *Source) from(ctx context.Context, desc ocispecs.Descriptor, offset int64) (io.ReadCloser, error) {
	target := "https://" + s.repo.endpoint.host() + "/v2/" + s.repo.Reference.Repository + "/blobs/" + desc.Digest.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, desc.Size-1))
	resp, err := s.repo.endpoint.Do(req)
	if err != nil {
		return nil, err
	}
	skip := int64(0)
	switch resp.StatusCode {
	case http.StatusPartialContent:
		var start int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &start); err != nil || start != offset {
			err = fmt.Errorf("it was asked for %s from byte %d on, and sends %q", desc.Digest, offset, resp.Header.Get("Content-Range"))
			return nil, errors.Join(err, resp.Body.Close())
		}
	case http.StatusOK:
		skip = offset
	default:
		err := responseError(resp)
		return nil, errors.Join(err, resp.Body.Close())
	}
	if _, err := io.CopyN(io.Discard, resp.Body, skip); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	return resp.Body, nil
}
