package logins

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/auth/authprovider"
	"google.golang.org/grpc"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// builderAuth answers BuildKit's requests for logins and tokens. BuildKit lets the client fetch a token from the server that the
// registry names, so that BuildKit sees no password. If no login may go to that server, the request is refused.
type builderAuth struct{ auth.AuthServer }

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
	return builderAuth{server}
}

// Register implements session.Attachable.
func (b builderAuth) Register(server *grpc.Server) { auth.RegisterAuthServer(server, b) }

// FetchToken implements auth.AuthServer.
func (b builderAuth) FetchToken(ctx context.Context, req *auth.FetchTokenRequest) (*auth.FetchTokenResponse, error) {
	if err := manifest.CheckRealm(ctx, req.Host, req.Realm); err != nil {
		return nil, fmt.Errorf("registry %q: %w", req.Host, err)
	}
	return b.AuthServer.FetchToken(ctx, req)
}
