package manifest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// keyring is a credential helper with the only accepted password, which can change.
type keyring struct {
	asked, version atomic.Int32
	hosts          sync.Map
}

func (k *keyring) credential(_ context.Context, host string) (auth.Credential, error) {
	k.hosts.Store(host, true)
	k.asked.Add(1)
	return auth.Credential{Username: "ann", Password: k.password()}, nil
}

func (k *keyring) password() string { return fmt.Sprint("secret-", k.version.Load()) }

func (k *keyring) current(user, pass string) bool { return user == "ann" && pass == k.password() }

func withKeyring(k *keyring) func(*manifest.Options) {
	return func(o *manifest.Options) { o.Credential = k.credential }
}

func TestBasicLoginIsAskedForOnceAndAgainWhenItIsRefused(t *testing.T) {
	var keys keyring
	w := newWorld(t, func(next http.Handler) http.Handler { return faultregistry.Basic(next, keys.current) }, withKeyring(&keys))
	children := w.push(t, "app", threePlatforms...)
	if _, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1")); err != nil {
		t.Fatal(err)
	}
	for _, child := range children {
		if _, err := w.client.Child(t.Context(), w.tag(t, "app:v1"), child.Digest); err != nil {
			t.Fatal(err)
		}
	}
	if n := keys.asked.Load(); n != 1 {
		t.Errorf("the helper was asked %d times, want once", n)
	}
	keys.version.Add(1) // during the build
	if _, err := w.client.Publish(t.Context(), request(t, children, w.tag(t, "app:v1"))); err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.hosts.Load(w.host); !ok {
		t.Errorf("the helper was not asked for %q", w.host)
	}
}

func TestOneTokenServesAWholePush(t *testing.T) {
	var keys keyring
	tokens := &faultregistry.Tokens{Login: keys.current}
	w := newWorld(t, func(next http.Handler) http.Handler { tokens.Next = next; return tokens }, withKeyring(&keys))
	children := w.push(t, "app", threePlatforms...)
	if _, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Publish(t.Context(), request(t, children, w.tag(t, "app:v1"), w.tag(t, "app:v2"))); err != nil {
		t.Fatal(err)
	}
	if served, asked := tokens.Served(), keys.asked.Load(); served != 1 || asked != 1 {
		t.Errorf("%d tokens, %d questions, want one of each", served, asked)
	}
}

func TestATokenThatExpiresIsReplacedWithTheHelpersNewPassword(t *testing.T) {
	var keys keyring
	clock := newClock()
	tokens := &faultregistry.Tokens{Login: keys.current, Life: time.Minute, Now: clock.Now}
	w := newWorld(t, func(next http.Handler) http.Handler { tokens.Next = next; return tokens }, withKeyring(&keys))
	children := w.push(t, "app", threePlatforms...)
	if _, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1")); err != nil {
		t.Fatal(err)
	}
	keys.version.Add(1)
	clock.Sleep(t.Context(), time.Hour) // the build
	results, err := w.client.Publish(t.Context(), request(t, children, w.tag(t, "app:v1")))
	if err != nil || results[0].State != manifest.Moved {
		t.Fatalf("got %v, %v", results, err)
	}
	if asked := keys.asked.Load(); asked < 2 {
		t.Errorf("the helper was asked %d times, want again", asked)
	}
}

func TestARefusedLoginSaysSo(t *testing.T) {
	tokens := func(next http.Handler) http.Handler {
		return &faultregistry.Tokens{Next: next, ReadOnly: []string{"reader"}, Login: func(user, _ string) bool { return user == "reader" }}
	}
	basic := func(next http.Handler) http.Handler {
		return faultregistry.Basic(next, func(string, string) bool { return false })
	}
	for _, tt := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		cred auth.Credential
		err  error
		want string
	}{
		{"no login for basic auth", basic, auth.EmptyCredential, nil, "there are no credentials for it; run: docker login 127.0.0.1:"},
		{"a wrong login for basic auth", basic, auth.Credential{Username: "bob", Password: "secret"}, nil, `the login may not push to`},
		{"no login for a token", tokens, auth.EmptyCredential, nil, "; run: docker login 127.0.0.1:"},
		{"a login for reading only", tokens, auth.Credential{Username: "reader", Password: "secret"}, nil, "the login may not push to"},
		{"a broken helper", tokens, auth.EmptyCredential, errors.New("docker-credential-x not found in PATH"), "docker-credential-x not found in PATH; run: docker login"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.wrap, func(o *manifest.Options) {
				o.Credential = func(context.Context, string) (auth.Credential, error) { return tt.cred, tt.err }
			})
			_, err := w.client.CheckPush(t.Context(), w.tag(t, "app:v1"))
			if !errors.Is(err, manifest.ErrUnauthorized) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells a secret", err)
			}
		})
	}
}

func TestATokenServerBesideAPrivateRegistryIsUsed(t *testing.T) {
	var keys keyring
	tokens := &faultregistry.Tokens{Login: keys.current}
	w := newWorld(t, func(next http.Handler) http.Handler { tokens.Next = next; return tokens }, withKeyring(&keys))
	_, port, _ := net.SplitHostPort(w.host)
	tokens.Realm = "http://localhost:" + port + "/token" // the registry is 127.0.0.1
	child := w.push(t, "app", "linux/amd64")[0]
	if _, err := w.client.Child(t.Context(), w.tag(t, "app"), child.Digest); err != nil {
		t.Fatal(err)
	}
	if tokens.Served() != 1 {
		t.Errorf("%d tokens served", tokens.Served())
	}
}

// answers is a transport that stands for the whole network.
type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := a(req)
	resp.Request, resp.Body = req, http.NoBody
	return resp, nil
}

func TestAPublicRegistryCannotSendTheLoginToAPrivateAddress(t *testing.T) {
	for _, host := range []string{"203.0.113.7", "registry.invalid"} {
		var private []string
		network := answers(func(req *http.Request) *http.Response {
			if req.URL.Host != host {
				private = append(private, req.URL.String())
			}
			return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {`Bearer realm="https://10.0.0.1/token"`}}}
		})
		client := manifest.New(manifest.Options{Transport: network, Credential: (&keyring{}).credential})
		named, _ := reference.ParseNormalizedNamed(host + "/app")
		if _, err := client.Resolve(t.Context(), named); err == nil || len(private) != 0 {
			t.Errorf("%s: got %v, and requests %v", host, err, private)
		}
	}
}

func TestDockerHubIsReachedByItsServersNameAndLoggedInToByItsOwn(t *testing.T) {
	var keys keyring
	want := digest.FromString("x")
	network := answers(func(req *http.Request) *http.Response {
		if req.URL.String() != "https://registry-1.docker.io/v2/library/alpine/manifests/3" {
			t.Errorf("request for %s", req.URL)
		}
		if _, _, ok := req.BasicAuth(); !ok {
			return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {`Basic realm="x"`}}}
		}
		return &http.Response{StatusCode: 200, ContentLength: 1, Header: http.Header{
			"Content-Type": {manifest.MediaTypeDockerList}, "Docker-Content-Digest": {want.String()},
		}}
	})
	client := manifest.New(manifest.Options{Transport: network, Credential: keys.credential})
	named, _ := reference.ParseNormalizedNamed("alpine:3")
	got, err := client.Resolve(t.Context(), named)
	if err != nil || got.Digest != want {
		t.Errorf("got %v, %v", got, err)
	}
	if _, ok := keys.hosts.Load("docker.io"); !ok {
		t.Error("the helper was not asked for docker.io")
	}
}
