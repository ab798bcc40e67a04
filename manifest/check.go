package manifest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// CheckPush finds out, before any work, whether a registry would accept a push to a repository: it starts the upload of a blob
// and cancels it, so that nothing is left there. It ends within Options.PushCheck, also when the registry hangs; the time in
// which Options.Credential is asked does not count, and the cancelling may continue after it ([Client.Finish]).
//
// The error is an [*Error] of kind [ErrUnreachable], [ErrUnauthorized] or [ErrDenied]; its text says which registry was asked
// over which scheme, what it answered and what can be done. If the answer means neither yes nor no, CheckPush returns a note for
// the user and no error.
func (c *Client) CheckPush(ctx context.Context, repo reference.Named) (note string, err error) {
	op := fmt.Sprintf("push to %q", reference.FamiliarName(repo))
	r, err := c.repository(repo)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	bounded, cancel := withPatience(ctx, c.opt.PushCheck)
	defer cancel()
	bounded = r.pushScope(bounded)
	resp, err := r.startUpload(bounded, "")
	switch {
	case err != nil && c.askedIn(err) > 0 && ctx.Err() == nil: // the push waits for longer than this question may
		return fmt.Sprintf("registry %q is busy, and does not say yet whether it accepts a push to %q: trying anyway", r.endpoint.name, r.name), nil
	case err != nil:
		return "", r.fail(ctx, op, err)
	}
	defer resp.Body.Close()
	if registryhttp.IsSuccess(resp) {
		// Registries on slow disks take as long for this as for the question, and the answer is not needed.
		c.background.Go(func() {
			late, cancel := context.WithTimeout(context.WithoutCancel(bounded), c.opt.PushCheck)
			defer cancel()
			r.endpoint.cancelUpload(late, resp)
		})
		return "", nil
	}
	refusal := responseError(resp)
	var failure *Error
	if err := r.fail(ctx, op, refusal); !errors.As(err, &failure) || isRefusal(failure, refusal) {
		return "", err
	}
	return fmt.Sprintf("registry %q does not say whether it accepts a push to %q (%v): trying anyway", r.endpoint.name, r.name, refusal), nil
}

// Finish waits for work that continues after a call has returned. It is bounded by Options.PushCheck.
func (c *Client) Finish() { c.background.Wait() }

// isRefusal reports whether the registry refuses, as opposed to not knowing the request: 404 and 405 come from registries, and
// from proxies before them, that have another way of uploading.
func isRefusal(failure *Error, answer error) bool {
	var response *errcode.ErrorResponse
	if errors.As(answer, &response) && hasCode(response, errcode.ErrorCodeUnsupported) && !errors.Is(failure.Kind, ErrUnauthorized) {
		return false
	}
	return failure.Kind != nil && !errors.Is(failure.Kind, ErrNotFound)
}

// startUpload asks for a new upload, with a query that may ask for a mount instead
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put).
func (r repository) startUpload(ctx context.Context, query string) (*http.Response, error) {
	target := "https://" + r.endpoint.host() + "/v2/" + r.Reference.Repository + "/blobs/uploads/" + query
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, nil)
	if err != nil {
		return nil, err
	}
	return r.endpoint.Do(req)
}

// cancelUpload cancels an upload. The result does not matter, since registries drop stale uploads by themselves, so no new token
// is asked for and nothing is repeated; [Retry.Silence] bounds it. An upload whose location has another scheme, host or port than
// the registry is left alone: a registry behind a TLS proxy may name its own plain port, and the login is not for that.
func (e *endpoint) cancelUpload(ctx context.Context, started *http.Response) {
	if started.Request == nil {
		return
	}
	location, err := started.Request.URL.Parse(started.Header.Get("Location"))
	if err != nil || !registryhttp.SameOrigin(location, e.origin()) || location.Path == started.Request.URL.Path {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, location.String(), nil)
	if err != nil {
		return
	}
	req.Header = e.auth.Header.Clone()
	e.addToken(req)
	if resp, err := e.transport.attempt(req); err == nil {
		discard(resp)
	}
}

// addToken adds the login that the registry has accepted before, if any. The key of a token is the one that auth.Client uses.
func (e *endpoint) addToken(req *http.Request) {
	ctx := req.Context()
	scheme, err := e.auth.Cache.GetScheme(ctx, req.URL.Host)
	if err != nil {
		return
	}
	name, key := "Basic ", ""
	if scheme == auth.SchemeBearer {
		name, key = "Bearer ", strings.Join(auth.GetAllScopesForHost(ctx, req.URL.Host), " ")
	}
	if token, err := e.auth.Cache.GetToken(ctx, req.URL.Host, scheme, key); err == nil {
		req.Header.Set("Authorization", name+token)
	}
}
