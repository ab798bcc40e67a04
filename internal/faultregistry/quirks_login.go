package faultregistry

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// tokenPath and the name of a quirk are the path of its token server.
const tokenPath = "/token/"

// logins are the quirks of logging in. In the challenges, {realm} is the address of the token server and {scope} the scope that the
// request needs.
var logins = []Quirk{
	loginQuirk("basic", login{
		means: "It wants a password.", challenges: []string{`Basic realm="test"`},
	}),
	loginQuirk("basic-capitals", login{
		means: "It writes BASIC.", challenges: []string{`BASIC realm="test"`},
	}),
	loginQuirk("basic-unquoted", login{
		means: "It writes a realm without quotes.", challenges: []string{`basic realm=test`},
	}),
	loginQuirk("negotiate-basic", login{
		means: "It offers Negotiate in a first header.", challenges: []string{`Negotiate`, `Basic realm="test"`},
	}),
	loginQuirk("basic-negotiate", login{
		means: "It offers Negotiate in a second header.", challenges: []string{`Basic realm="test"`, `Negotiate`},
	}),
	loginQuirk("one-header", login{
		means: "It offers three schemes in one header.", challenges: []string{`Negotiate YII/+==, Digest realm="a",qop="auth,auth-int", Basic realm="a, b"`},
	}),
	loginQuirk("bearer", login{
		means: "It wants a token.", challenges: []string{`Bearer realm="{realm}",service="test",scope="{scope}"`},
	}),
	loginQuirk("bearer-capitals", login{
		means: "It writes parameters in another order and case.", challenges: []string{`BEARER SCOPE="{scope}" , Service="test",REALM = "{realm}"`},
	}),
	loginQuirk("bearer-unquoted", login{
		means: "It writes values without quotes, and no scope.", challenges: []string{`Bearer realm={realm},service=test`},
	}),
	loginQuirk("bearer-empty-scope", login{
		means: "Its scope is empty.", challenges: []string{`Bearer realm="{realm}",service="test",scope=""`},
	}),
	loginQuirk("bearer-any-scope", login{
		means: `Its scope is "*".`, challenges: []string{`Bearer realm="{realm}",service="test",scope="*"`},
	}),
	loginQuirk("bearer-realm-query", login{
		means:      "The token server's address has a query.",
		challenges: []string{`Bearer realm="{realm}?account=1&kind=a%2Fb",scope="{scope}"`}, query: "account=1&kind=a%2Fb",
	}),
	loginQuirk("bearer-access-token", login{
		means: "The token is in access_token.", challenges: []string{`Bearer realm="{realm}",scope="{scope}"`}, keys: []string{"access_token"},
	}),
	loginQuirk("bearer-both-tokens", login{
		means: "The token is in token and in access_token.", challenges: []string{`Bearer realm="{realm}",scope="{scope}"`}, keys: []string{"token", "access_token"},
	}),
	loginQuirk("bearer-created", login{
		means: "The token server answers 201.", challenges: []string{`Bearer realm="{realm}",service="test",scope="{scope}"`}, status: http.StatusCreated,
	}),
	loginQuirk("identity-token", login{
		means:      "It trades an identity token by POST.",
		challenges: []string{`Bearer realm="{realm}",service="test",scope="{scope}"`}, keys: []string{"access_token"}, refresh: true,
	}),
	loginQuirk("basic-bearer", login{
		means: "It offers Basic before Bearer, in one header.", challenges: []string{`Basic realm="test", Bearer realm="{realm}",service="test"`},
	}),
	loginQuirk("bearer-basic", login{
		means: "It offers Bearer and Basic in two headers.", challenges: []string{`Bearer realm="{realm}",service="test"`, `Basic realm="test"`},
	}),
	loginQuirk("login-for-writes", login{
		means: "It wants a login for writes only.", challenges: []string{`Bearer realm="{realm}",service="test",scope="{scope}"`}, writes: true,
	}),
}

// login is how a registry wants its users to log in.
type login struct {
	means      string // as in Quirk
	challenges []string
	keys       []string // of the token in the token server's answer; empty: "token"
	query      string   // that the token server's address has
	status     int      // of the token server's answer; 0: 200
	refresh    bool     // the token server accepts an identity token only
	writes     bool     // reading needs no login
}

func loginQuirk(name string, l login) Quirk {
	return Quirk{name, "login", l.means, func(_ *Quirky, w http.ResponseWriter, req *http.Request, next http.Handler) {
		switch {
		case req.URL.Path == tokenPath+name:
			l.serveToken(w, req)
		case l.writes && isRead(req.Method), l.accepts(req):
			req = req.Clone(req.Context())
			req.Header.Del("Authorization")
			next.ServeHTTP(w, req)
		default:
			fill := strings.NewReplacer("{realm}", schemeOf(req)+"://"+req.Host+tokenPath+name, "{scope}", wantedScope(req))
			for _, challenge := range l.challenges {
				w.Header().Add("WWW-Authenticate", fill.Replace(challenge))
			}
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		}
	}}
}

func schemeOf(req *http.Request) string {
	if req.TLS != nil {
		return "https"
	}
	return "http"
}

// accepts reports whether a request has the login that is wanted: a token where one is offered.
func (l login) accepts(req *http.Request) bool {
	if !strings.Contains(strings.Join(l.challenges, " "), "{realm}") {
		user, password, ok := req.BasicAuth()
		return ok && user == User && password == Password
	}
	text, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	scopes, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		return false
	}
	wanted := wantedScope(req)
	return wanted == "" || slices.ContainsFunc(strings.Fields(string(scopes)), func(has string) bool { return covers(has, wanted) })
}

// serveToken serves a token that names its own scopes.
func (l login) serveToken(w http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	values, known := req.URL.Query(), user == User && password == Password
	if l.refresh {
		_ = req.ParseForm() // a form that cannot be read has no token
		values, known = req.PostForm, req.PostForm.Get("grant_type") == "refresh_token" && req.PostForm.Get("refresh_token") == IdentityToken
	}
	if !known || !l.hasQuery(req.URL.Query()) {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(strings.Join(values["scope"], " ")))
	answer := map[string]string{}
	for _, key := range append(l.keys, map[bool][]string{true: {"token"}}[len(l.keys) == 0]...) {
		answer[key] = token
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(max(l.status, http.StatusOK))
	json.NewEncoder(w).Encode(answer) //nolint:errcheck,gosec // the client may be gone
}

func (l login) hasQuery(got url.Values) bool {
	wanted, err := url.ParseQuery(l.query)
	for key, values := range wanted {
		if !slices.Equal(got[key], values) {
			return false
		}
	}
	return err == nil
}
