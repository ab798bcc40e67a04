package manifest

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// Options determine how registries are reached. The zero value works: HTTPS with the system's certificates, plain HTTP for
// loopback registries, no credentials.
type Options struct {
	// Credential returns the login; auth.EmptyCredential means anonymous. host is the registry as image names have it:
	// "docker.io" for Docker Hub, else host or host:port. It is called when a registry wants a login, and again whenever a
	// registry stops accepting the answer, so it should not cache a credential helper's answer for longer than tokens hold. Its
	// time is not counted against the registry; its context ends with the operation's.
	Credential func(ctx context.Context, host string) (auth.Credential, error)
	// PlainHTTP reports whether a registry is tried with HTTP first, and then with HTTPS without verification. nil means those on
	// loopback: localhost, 127.0.0.0/8 and ::1.
	PlainHTTP func(host string) bool
	// Insecure lists the registries that are tried with HTTPS without verification, and then with plain HTTP: host, host:port,
	// or a CIDR for registries named by address, as the Docker Engine's insecure-registries. It is called when a registry is first
	// reached for which PlainHTTP does not hold. nil means none.
	Insecure func() []string
	// CertDirs are directories like /etc/docker/certs.d: <dir>/<host:port>/*.crt are trusted in addition to the system's
	// certificates, *.cert with *.key are presented to the registry. Every directory that has the host counts.
	CertDirs []string
	// Transport carries the requests; for proxies, give an *http.Transport with its Proxy set. nil means a transport without
	// proxies. Certificates and insecure registries need an *http.Transport: it is cloned for each registry, never changed.
	Transport http.RoundTripper
	// UserAgent is sent with every request; empty means "docker-multiarch".
	UserAgent string
	// Retry is the policy by which requests are repeated.
	Retry Retry
	// Settle bounds how long to wait for a registry to show a recent write; zero means one minute.
	Settle time.Duration
	// PushCheck bounds the whole of one CheckPush; zero means four seconds.
	PushCheck time.Duration
	// Report, if not nil, gets every wait before it begins, from several goroutines at once.
	Report func(Wait)
	// Clock measures the waits; its zero value is the real clock.
	Clock Clock
}

// Wait is a pause because of a registry.
type Wait struct {
	Registry string        // as image names have it
	Reason   string        // the registry's answer, or the event that is waited for
	Delay    time.Duration // how long the pause is
}

// Client talks to registries. Make one with [New] and share it: it keeps connections, tokens and schemes.
type Client struct {
	opt Options

	mu        sync.Mutex
	endpoints map[string]*endpoint // by the registry's name in references

	background sync.WaitGroup // work that continues after a call has returned

	blobs sync.Map // blobPlace → the repository that was last seen to have it
	asked sync.Map // location → *blobAnswer
	looks sync.Map // tag → aheadLook

	turns chan struct{} // has a place for each request about, or with, the blobs of images that are made at the same time
}

// New makes a client without any request.
func New(opt Options) *Client {
	if opt.Credential == nil {
		opt.Credential = func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, nil }
	}
	if opt.PlainHTTP == nil {
		opt.PlainHTTP = address.IsLoopback
	}
	if opt.Insecure == nil {
		opt.Insecure = func() []string { return nil }
	}
	if opt.Transport == nil {
		// Each child that is read at the same time needs a connection; they are kept for the tags.
		opt.Transport = &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true}
	}
	if opt.UserAgent == "" {
		opt.UserAgent = "docker-multiarch"
	}
	if opt.Settle <= 0 {
		opt.Settle = time.Minute
	}
	if opt.PushCheck <= 0 {
		opt.PushCheck = 4 * time.Second
	}
	if opt.Report == nil {
		opt.Report = func(Wait) {}
	}
	opt.Retry = opt.Retry.withDefaults()
	opt.Clock = opt.Clock.withDefaults()
	return &Client{opt: opt, endpoints: map[string]*endpoint{}, turns: make(chan struct{}, blobsAtOnce)}
}

// blobsAtOnce bounds the requests about blobs of all images together.
const blobsAtOnce = 16

// inTurn does work that is a request about a blob, or its upload.
func (c *Client) inTurn(ctx context.Context, work func() error) error {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
		return work()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// WithMaxWait returns a new client with the same options, except for [Retry.MaxWait]; 0 means one attempt only.
func (c *Client) WithMaxWait(limit time.Duration) *Client {
	opt := c.opt
	if opt.Retry.MaxWait = limit; limit == 0 {
		opt.Retry.MaxWait = -1
	}
	return New(opt)
}

// endpoint returns the one connection to a registry, made at first use.
func (c *Client) endpoint(name string) (*endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.endpoints[name]; ok {
		return e, nil
	}
	e, err := newEndpoint(name, c.opt)
	if err != nil {
		return nil, err
	}
	c.endpoints[name] = e
	return e, nil
}

// repository is a repository of a registry, for one operation.
type repository struct {
	*remote.Repository
	endpoint *endpoint
	name     string // in the user's spelling, without tag or digest
}

func (c *Client) repository(named reference.Named) (repository, error) {
	domain := reference.Domain(named)
	e, err := c.endpoint(domain)
	if err != nil {
		return repository{}, err
	}
	return repository{
		Repository: &remote.Repository{
			Client:    e,
			Reference: registry.Reference{Registry: domain, Repository: reference.Path(named)},
			ManifestMediaTypes: []string{
				ocispecs.MediaTypeImageIndex, ocispecs.MediaTypeImageManifest, MediaTypeDockerList, MediaTypeDockerManifest,
			},
		},
		endpoint: e,
		name:     reference.FamiliarName(named),
	}, nil
}

// pushScope sets one scope for all requests of a push, reads included, so that one token serves them all.
func (r repository) pushScope(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, r.Reference, auth.ActionPull, auth.ActionPush)
}
