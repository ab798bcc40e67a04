package faultregistry

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Login reports whether a user's password is right.
type Login func(user, password string) bool

// Basic passes requests to next with a login only, requested by the Basic scheme.
func Basic(next http.Handler, login Login) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, ok := req.BasicAuth()
		if !ok || !login(user, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
		next.ServeHTTP(w, req)
	})
}

// Tokens passes requests to Next with a bearer token only, and serves tokens at /token
// (https://distribution.github.io/distribution/spec/auth/token/). A token is valid for the requested scopes.
type Tokens struct {
	Next  http.Handler
	Login Login
	// Realm is the address of the token server; empty: /token of the host that the request was for.
	Realm string
	// ReadOnly are users who get tokens for pulling only.
	ReadOnly []string
	// Life is how long a token is accepted; 0: for ever. Uses is how often; 0: any number of times.
	Life time.Duration
	Uses int
	// Now is the clock for Life; nil: time.Now.
	Now func() time.Time

	mu     sync.Mutex
	tokens map[string]*token
	served int
}

type token struct {
	scopes []string
	made   time.Time
	uses   int
}

// Served returns how many tokens were issued.
func (t *Tokens) Served() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.served
}

// Revoke invalidates all issued tokens.
func (t *Tokens) Revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.tokens)
}

// Expire invalidates the tokens that have been used. One that was only just issued has not expired.
func (t *Tokens) Expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.tokens, func(_ string, one *token) bool { return one.uses > 0 })
}

// ServeHTTP answers as token server and as registry.
func (t *Tokens) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/token" {
		t.serveToken(w, req)
		return
	}
	scope, name := wantedScope(req), strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !t.accepts(name, scope) {
		realm := t.Realm
		if realm == "" {
			realm = "http://" + req.Host + "/token"
		}
		challenge := `Bearer realm="` + realm + `",service="test"`
		if scope != "" {
			challenge += `,scope="` + scope + `"`
		}
		if name != "" && !t.valid(name) { // as distribution says it; BuildKit asks for another token only then
			challenge += `,error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	t.Next.ServeHTTP(w, req)
}

func (t *Tokens) serveToken(w http.ResponseWriter, req *http.Request) {
	user, password, ok := req.BasicAuth()
	if !ok || !t.Login(user, password) {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	scopes := req.URL.Query()["scope"]
	if slices.Contains(t.ReadOnly, user) {
		scopes = slices.Clone(scopes)
		for i, scope := range scopes {
			scopes[i] = strings.ReplaceAll(scope, ",push", "")
		}
	}
	name := rand.Text()
	t.mu.Lock()
	if t.tokens == nil {
		t.tokens = map[string]*token{}
	}
	t.tokens[name] = &token{scopes: scopes, made: t.now()}
	t.served++
	t.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"token": name}) //nolint:errcheck,gosec // the client may be gone
}

// accepts reports whether a token is valid for a scope, which names one repository and one or more actions.
func (t *Tokens) accepts(name, scope string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.tokens[name]
	if !t.lives(one) {
		return false
	}
	if scope != "" && !slices.ContainsFunc(one.scopes, func(has string) bool { return covers(has, scope) }) {
		return false
	}
	one.uses++
	return true
}

// valid reports whether a token has neither expired nor been revoked.
func (t *Tokens) valid(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lives(t.tokens[name])
}

func (t *Tokens) lives(one *token) bool {
	return one != nil && (t.Life == 0 || t.now().Sub(one.made) < t.Life) && (t.Uses == 0 || one.uses < t.Uses)
}

func covers(has, wants string) bool {
	hasName, hasActions := cutLast(has)
	wantsName, wantsActions := cutLast(wants)
	if hasName != wantsName {
		return false
	}
	actions := strings.Split(hasActions, ",")
	for _, action := range strings.Split(wantsActions, ",") {
		if !slices.Contains(actions, action) {
			return false
		}
	}
	return true
}

func cutLast(scope string) (name, actions string) {
	i := strings.LastIndexByte(scope, ':')
	if i < 0 {
		return scope, ""
	}
	return scope[:i], scope[i+1:]
}

func (t *Tokens) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

// wantedScope returns the scope that a request needs; empty for the base of the API.
func wantedScope(req *http.Request) string {
	path, ok := strings.CutPrefix(req.URL.Path, "/v2/")
	if !ok || path == "" {
		return ""
	}
	for _, part := range []string{"/manifests/", "/blobs/", "/tags/"} {
		if i := strings.LastIndex(path, part); i > 0 {
			path = path[:i]
			break
		}
	}
	actions := "pull"
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		actions = "pull,push"
	case http.MethodDelete:
		actions = "delete"
	}
	return "repository:" + path + ":" + actions
}
