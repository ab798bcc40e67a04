package logins

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/auth/authprovider"
	"google.golang.org/grpc"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// builderAuth answers BuildKit's requests for logins and tokens. BuildKit lets the client fetch a token from the server that the
// registry names, so that BuildKit sees no password. If no login may go to that server, the request is refused.
type builderAuth struct {
	auth.AuthServer
	logins *Logins
}

// ForBuilder returns the logins for BuildKit's pulls and pushes, to be attached to its sessions.
func (l *Logins) ForBuilder(note func(string)) session.Attachable {
	provider := authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: func(ctx context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			return l.get(ctx, host, note)
		},
	})
	server, ok := provider.(auth.AuthServer)
	if !ok {
		return provider // BuildKit's provider is always an AuthServer
	}
	return builderAuth{server, l}
}

// Register implements session.Attachable.
func (b builderAuth) Register(server *grpc.Server) { auth.RegisterAuthServer(server, b) }

// FetchToken implements auth.AuthServer. Where there is no token for a push, it answers with one that no registry accepts, and
// [Logins.TokenError] has the reason. With an error instead, BuildKit would wait for ever: it would begin to send a blob, would not get
// so far as to ask the registry, and would not see why (core/remotes/docker of containerd: request.do makes the body's pipe before it
// authorizes, and pushWriter.Write writes to it). With the token it sees the registry's 401.
func (b builderAuth) FetchToken(ctx context.Context, req *auth.FetchTokenRequest) (*auth.FetchTokenResponse, error) {
	if err := manifest.CheckRealm(ctx, req.Host, req.Realm); err != nil {
		return nil, fmt.Errorf("registry %q: %w", req.Host, err)
	}
	resp, err := b.AuthServer.FetchToken(ctx, req)
	if !pushes(req.Scopes) || ctx.Err() != nil {
		return resp, err
	}
	b.logins.noteToken(req.Host, err)
	if err != nil {
		return &auth.FetchTokenResponse{Token: "none", ExpiresIn: 1}, nil // BuildKit keeps a token without an expiry
	}
	return resp, nil
}

// pushes reports whether a token is for writing to a repository: "repository:team/app:pull,push".
func pushes(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool {
		return slices.Contains(strings.Split(scope[strings.LastIndex(scope, ":")+1:], ","), "push")
	})
}

// noteToken keeps the outcome of BuildKit's last request for a token to push with.
func (l *Logins) noteToken(host string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tokens == nil {
		l.tokens = map[string]error{}
	}
	l.tokens[authKey(host)] = err
}

// TokenError returns why BuildKit was given no token for a push to a registry when it last asked for one; nil if it got one.
func (l *Logins) TokenError(host string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tokens[authKey(host)]
}
