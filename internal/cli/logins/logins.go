// Package logins provides the Docker config's logins at registries. It asks a credential helper once for all users of a login.
package logins

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// loginLife is how long a helper's answer is used: some cloud tokens are valid for five minutes. BuildKit's session has the same bound.
const loginLife = 4*time.Minute + 50*time.Second

// Logins are the Docker config's logins at registries. Only Logins calls a credential helper, once for each registry as long as its
// answer is valid.
type Logins struct {
	config  func() *configfile.ConfigFile
	limits  helperLimits
	prompts func() io.Writer // where a helper may ask the user something; nil is nowhere

	mu     sync.Mutex
	hosts  map[string]*login
	tokens map[string]error // see TokenError
}

// login is a helper's answer for one registry.
type login struct {
	turn chan struct{} // holds one value while no call runs
	at   time.Time     // of the answer; zero if there is none
	auth types.AuthConfig
	err  error
}

// New returns the logins of a Docker config. prompts returns the stream on which a helper may ask the user something.
func New(config func() *configfile.ConfigFile, prompts func() io.Writer) *Logins {
	return &Logins{config: config, limits: helperDefaults, prompts: prompts}
}

// authKey returns a registry's key in the Docker config file. Docker Hub has a historical one.
func authKey(host string) string {
	if host == "docker.io" || host == authprovider.DockerHubRegistryHost {
		return authprovider.DockerHubConfigfileKey
	}
	return host
}

// get returns the login for a registry, by its name in image names; empty if there is none. note, which may be nil, is called
// if a helper is slow.
func (l *Logins) get(ctx context.Context, host string, note func(string)) (types.AuthConfig, error) {
	file, key := l.config(), authKey(host)
	helper := file.CredentialsStore
	if own, ok := file.CredentialHelpers[key]; ok {
		helper = own
	}
	if helper == "" {
		return file.GetAuthConfig(key)
	}
	// DOCKER_AUTH_CONFIG takes precedence over a helper. An empty config file returns only the login of that variable.
	if env, err := configfile.New("").GetAuthConfig(key); err != nil || env != (types.AuthConfig{}) {
		return env, err
	}
	one := l.login(key)
	select {
	case <-one.turn:
		defer func() { one.turn <- struct{}{} }()
	case <-ctx.Done():
		return types.AuthConfig{}, context.Cause(ctx)
	}
	if !one.at.IsZero() && time.Since(one.at) < loginLife {
		return one.auth, one.err
	}
	ask := helperProgram{name: "docker-credential-" + helper, host: host, limits: l.limits, note: note, prompts: io.Discard}
	if l.prompts != nil {
		ask.prompts = l.prompts()
	}
	got, err := ask.get(ctx, key)
	if ctx.Err() != nil {
		return types.AuthConfig{}, context.Cause(ctx) // other callers cannot use it
	}
	if err != nil {
		err = fmt.Errorf("the credential helper for %s failed: %w", host, err)
	}
	one.auth, one.err, one.at = got, err, time.Now()
	return got, err
}

// Name identifies the login at a registry, without its secret and without asking a helper: by the user's name where the config file has it,
// else by the helper and whether the file lists the registry, as it does after docker login.
func (l *Logins) Name(host string) string {
	file, key := l.config(), authKey(host)
	helper := file.CredentialsStore
	if own, ok := file.CredentialHelpers[key]; ok {
		helper = own
	}
	env, err := configfile.New("").GetAuthConfig(key) // DOCKER_AUTH_CONFIG
	if err != nil {
		env = types.AuthConfig{}
	}
	listed, ok := file.AuthConfigs[key]
	return fmt.Sprintf("%q %q %q %t", helper, env.Username, listed.Username, ok)
}

func (l *Logins) login(key string) *login {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hosts == nil {
		l.hosts = map[string]*login{}
	}
	if l.hosts[key] == nil {
		l.hosts[key] = &login{turn: make(chan struct{}, 1)}
		l.hosts[key].turn <- struct{}{}
	}
	return l.hosts[key]
}

// ForRegistries returns the logins for the registry client.
func (l *Logins) ForRegistries(note func(string)) func(context.Context, string) (auth.Credential, error) {
	return func(ctx context.Context, host string) (auth.Credential, error) {
		c, err := l.get(ctx, host, note)
		if err != nil {
			return auth.EmptyCredential, err
		}
		return auth.Credential{Username: c.Username, Password: c.Password, RefreshToken: c.IdentityToken, AccessToken: c.RegistryToken}, nil
	}
}

// ForPods returns the logins for images that a cluster pulls, as a .dockerconfigjson has them; nil if there is none. A cluster takes a name and
// a password, and no identity token.
func (l *Logins) ForPods(note func(string)) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, image string) ([]byte, error) {
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			return nil, fmt.Errorf("invalid image name %q: %w", image, err)
		}
		host := reference.Domain(named)
		c, err := l.get(ctx, host, note)
		if err != nil || c.Username == "" || c.Password == "" {
			return nil, err
		}
		return json.Marshal(map[string]any{"auths": map[string]any{authKey(host): map[string]string{"username": c.Username, "password": c.Password}}})
	}
}

// ForPulls returns the logins for images that the engine pulls, in the engine's encoding.
func (l *Logins) ForPulls(note func(string)) func(context.Context, string) (string, error) {
	return func(ctx context.Context, image string) (string, error) {
		named, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			return "", fmt.Errorf("invalid image name %q: %w", image, err)
		}
		c, err := l.get(ctx, reference.Domain(named), note)
		if err != nil {
			return "", err
		}
		return authconfig.Encode(registry.AuthConfig{
			Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken, ServerAddress: c.ServerAddress,
		})
	}
}
