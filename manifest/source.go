package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// Source is a repository to read from, by digests. It is an oras-go content.ReadOnlyStorage, safe for several goroutines; its
// requests use the client's login, schemes and retries, and the right to pull.
type Source struct {
	opt  Options
	repo repository
	root ocispecs.Descriptor
	body []byte // of the root

	lost sync.Map // digest → why the blob was given up: a reader that tries again need not wait again
}

// Source reads the manifest or index that a tag or digest names, and returns it with the repository that has the rest; a name
// with neither means the tag "latest". The bytes are checked against the digest, and Fetch returns the root's without another
// request. An error is an [*Error], of kind [ErrNotFound] if the registry has no such thing.
func (c *Client) Source(ctx context.Context, ref reference.Named) (ocispecs.Descriptor, *Source, error) {
	op := fmt.Sprintf("look up %q", reference.FamiliarString(ref))
	r, err := c.repository(ref)
	if err != nil {
		return ocispecs.Descriptor{}, nil, fmt.Errorf("%s: %w", op, err)
	}
	s := &Source{opt: c.opt, repo: r}
	s.root, s.body, err = r.fetch(s.scope(ctx), nameIn(ref))
	if err != nil {
		return ocispecs.Descriptor{}, nil, r.fail(ctx, op, err)
	}
	return s.root, s, nil
}

// nameIn returns the tag or the digest of a reference, the digest if it has both.
func nameIn(ref reference.Named) string {
	switch ref := reference.TagNameOnly(ref).(type) {
	case reference.Digested:
		return ref.Digest().String()
	case reference.Tagged:
		return ref.Tag()
	}
	return ""
}

// scope sets the one right that reading needs, so that one token serves all requests.
func (s *Source) scope(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, s.repo.Reference, auth.ActionPull)
}

// Fetch reads a manifest or a blob; the caller closes it, and checks its bytes. If a blob breaks off, or no data comes for
// [Retry.Silence], reading resumes from there, a few times; after that the read's error is an [*Error]. An error is an [*Error],
// of kind [ErrNotFound] if the repository has no such thing.
func (s *Source) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.Digest == s.root.Digest && FamilyOf(desc.MediaType) != "" {
		return io.NopCloser(bytes.NewReader(s.body)), nil
	}
	lost, _ := s.lost.Load(desc.Digest)
	if err, ok := lost.(error); ok {
		return nil, err
	}
	rc, err := s.repo.Fetch(s.scope(ctx), desc)
	if err != nil {
		return nil, s.repo.fail(ctx, s.op("read", desc), err)
	}
	if FamilyOf(desc.MediaType) != "" {
		return rc, nil
	}
	r := &resumed{source: s, desc: desc, body: rc}
	r.again = func(reason error) error { return r.resume(ctx, reason) }
	return r, nil
}

// Exists reports whether the repository has a manifest or a blob.
func (s *Source) Exists(ctx context.Context, desc ocispecs.Descriptor) (bool, error) {
	_, err := s.Stat(ctx, desc)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Stat returns the size in bytes that the repository has for a manifest or a blob, without reading it. An error is an [*Error],
// of kind [ErrNotFound] if it has no such thing.
func (s *Source) Stat(ctx context.Context, desc ocispecs.Descriptor) (int64, error) {
	scoped := s.scope(ctx)
	var found ocispecs.Descriptor
	var err error
	if FamilyOf(desc.MediaType) != "" {
		found, err = s.repo.Resolve(scoped, desc.Digest.String())
	} else {
		found, err = s.repo.Blobs().Resolve(scoped, desc.Digest.String())
	}
	if err != nil {
		return 0, s.repo.fail(ctx, s.op("find", desc), err)
	}
	return found.Size, nil
}

func (s *Source) op(verb string, desc ocispecs.Descriptor) string {
	return fmt.Sprintf("%s %q", verb, s.repo.name+"@"+desc.Digest.String())
}

// maxResumes bounds how often the reading of one blob is resumed.
const maxResumes = 3

// resumed is a blob whose reading resumes where the registry broke off or fell silent: maxResumes times, and never if the policy
// has one attempt only.
type resumed struct {
	source  *Source
	desc    ocispecs.Descriptor
	body    io.ReadCloser
	offset  int64
	resumes int
	again   func(reason error) error // resume, with the context of the Fetch
}

func (r *resumed) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.offset += int64(n)
		if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return n, err
		}
		if n > 0 {
			return n, nil // the error is returned again by the next read
		}
		if err = r.again(err); err != nil {
			return 0, err
		}
	}
}

// resume opens the blob where the reading ended, and returns why it does not.
func (r *resumed) resume(ctx context.Context, reason error) error {
	s, opt := r.source, r.source.opt
	fail := func(err error) error { return s.repo.fail(ctx, s.op("read", r.desc), err) }
	for {
		if gave := (*gaveUpError)(nil); ctx.Err() != nil || opt.Retry.MaxWait < 0 || !isTransient(reason) || errors.As(reason, &gave) {
			return fail(reason)
		}
		if r.resumes++; r.resumes > maxResumes {
			err := fail(&gaveUpError{attempts: r.resumes, why: fmt.Sprintf("after %d of %d bytes", r.offset, r.desc.Size), last: reason})
			s.lost.Store(r.desc.Digest, err)
			return err
		}
		delay := opt.Retry.delay(r.resumes)
		opt.Report(Wait{Registry: s.repo.endpoint.name, Reason: fmt.Sprintf("reading %s: %v", r.desc.Digest, reason), Delay: delay})
		if err := opt.Clock.Sleep(ctx, delay); err != nil {
			return fail(err)
		}
		_ = r.body.Close() // it is broken
		r.body = http.NoBody
		body, err := s.from(s.scope(ctx), r.desc, r.offset)
		if err == nil {
			r.body = body
			return nil
		}
		reason = err
	}
}

func (r *resumed) Close() error { return r.body.Close() }

// from reads a blob from an offset on. A registry without ranges sends it from its beginning, at once or when it is asked again.
func (s *Source) from(ctx context.Context, desc ocispecs.Descriptor, offset int64) (io.ReadCloser, error) {
	target := "https://" + s.repo.endpoint.host() + "/v2/" + s.repo.Reference.Repository + "/blobs/" + desc.Digest.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, desc.Size-1))
	resp, err := s.repo.endpoint.Do(req)
	if err == nil && registryhttp.RefusesRange(resp) {
		discard(resp)
		req.Header.Del("Range")
		resp, err = s.repo.endpoint.Do(req)
	}
	if err != nil {
		return nil, err
	}
	skip := int64(0)
	switch resp.StatusCode {
	case http.StatusPartialContent:
		var start int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &start); err != nil || start != offset {
			err = fmt.Errorf("the registry was asked for %s from byte %d on, and sent %q", desc.Digest, offset, resp.Header.Get("Content-Range"))
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
