package logins

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session/auth"
)

// helper puts a credential helper, a script, into PATH, and returns the logins of a Docker config that names it for "reg.example".
func helper(t *testing.T, script string) *Logins {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a script")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-test"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("SAID", filepath.Join(dir, "said"))
	file := configfile.New("")
	file.CredentialHelpers = map[string]string{"reg.example": "test"}
	return &Logins{config: func() *configfile.ConfigFile { return file }, limits: helperDefaults}
}

const ann = `echo asked >>"$SAID"; echo '{"Username":"ann","Secret":"secret"}'`

func TestAHelperIsAskedOnceForAllUsersOfALogin(t *testing.T) {
	l := helper(t, ann)
	var users sync.WaitGroup
	for range 5 {
		users.Go(func() {
			if got, err := l.ForRegistries(nil)(t.Context(), "reg.example"); err != nil || got.Username != "ann" || got.Password != "secret" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	users.Wait()
	if encoded, err := l.ForPulls(nil)(t.Context(), "reg.example/app"); err != nil || encoded == "" {
		t.Errorf("got %q, %v", encoded, err)
	}
	got, err := l.ForBuilder(nil).(auth.AuthServer).Credentials(t.Context(), &auth.CredentialsRequest{Host: "reg.example"})
	if err != nil || got.Username != "ann" || got.Secret != "secret" {
		t.Errorf("got %v, %v", got, err)
	}
	text, err := os.ReadFile(os.Getenv("SAID"))
	if err != nil || strings.Count(string(text), "asked") != 1 {
		t.Errorf("asked: %q, %v", text, err)
	}
}

func TestAHelperThatWaitsIsNamedAndEnded(t *testing.T) {
	l := helper(t, "exec sleep 600")
	l.limits.say, l.limits.answer = 10*time.Millisecond, 300*time.Millisecond
	notes := make(chan string, 2)
	for range 2 { // the second call need not wait again
		_, err := l.get(t.Context(), "reg.example", func(line string) { notes <- line })
		if err == nil || err.Error() != "the credential helper for reg.example failed: docker-credential-test did not answer within 300ms" {
			t.Errorf("got %v", err)
		}
	}
	if text := <-notes; text != "waiting for credential helper docker-credential-test to answer for reg.example" || len(notes) > 0 {
		t.Errorf("said: %q, and %d more", text, len(notes))
	}
}

func TestAHelperEndsWithTheContextAndIsAskedAgainByTheNext(t *testing.T) {
	l := helper(t, `[ -e "$SAID" ] && { `+ann+`; exit; }; touch "$SAID"; exec sleep 600`)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	l.limits.say = 0
	if _, err := l.get(ctx, "reg.example", func(string) {
		for { // until it runs
			if _, err := os.Stat(os.Getenv("SAID")); err == nil {
				break
			}
		}
		cancel(why)
	}); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	if got, err := l.get(t.Context(), "reg.example", nil); err != nil || got.Username != "ann" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAHelpersOutputIsTruncated(t *testing.T) {
	for script, want := range map[string]string{
		"yes 'a line of it'":                         "docker-credential-test wrote more than 64 KiB",
		"yes 'a line of it' >&2":                     "docker-credential-test wrote more than 64 KiB",
		"yes 'a line of it' | head -c 50000; exit 1": "exit status 1, out: `a line of it a line of it",
	} {
		_, err := helper(t, script).get(t.Context(), "reg.example", nil)
		if err == nil || len(err.Error()) > 500 || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "reg.example") {
			t.Errorf("%s: got %v", script, err)
		}
	}
}

func TestAHelpersAnswerIsParsedAsByTheDockerCLI(t *testing.T) {
	for script, want := range map[string]types.AuthConfig{
		"echo 'credentials not found in native keychain'; exit 1": {},
		`echo '{"Username":"<token>","Secret":"refresh"}'`:        {IdentityToken: "refresh", ServerAddress: "reg.example"},
		`read host; echo "{\"Username\":\"$1 $host\"}"`:           {Username: "get reg.example", ServerAddress: "reg.example"},
	} {
		if got, err := helper(t, script).get(t.Context(), "reg.example", nil); err != nil || got != want {
			t.Errorf("%s: got %v, %v", script, got, err)
		}
	}
}

func TestTheEnvironmentsLoginComesBeforeAHelper(t *testing.T) {
	l := helper(t, "exit 1")
	t.Setenv("DOCKER_AUTH_CONFIG", `{"auths":{"reg.example":{"auth":"Ym9iOmhpZGRlbg=="}}}`)
	if got, err := l.get(t.Context(), "reg.example", nil); err != nil || got.Username != "bob" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBuildKitGetsNoTokenFromAForbiddenAddress(t *testing.T) {
	server := helper(t, ann).ForBuilder(nil).(auth.AuthServer)
	_, err := server.FetchToken(t.Context(), &auth.FetchTokenRequest{Host: "reg.example", Realm: "http://169.254.169.254/token"})
	if err == nil || !strings.Contains(err.Error(), "169.254.169.254") {
		t.Errorf("got %v", err)
	}
}

func TestBuildKitGetsATokenForAPushInAnyCaseAndTheReasonIsKept(t *testing.T) {
	allowed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !allowed {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"token":"real","access_token":"real"}`)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	file := configfile.New("")
	file.AuthConfigs[host] = types.AuthConfig{Username: "ann", Password: "secret"}
	l := &Logins{config: func() *configfile.ConfigFile { return file }}
	ask := func(actions string) (*auth.FetchTokenResponse, error) {
		return l.ForBuilder(nil).(auth.AuthServer).FetchToken(t.Context(), &auth.FetchTokenRequest{
			Host: host, Realm: server.URL + "/token", Scopes: []string{"repository:team/app:" + actions},
		})
	}
	if _, err := ask("pull"); err == nil || l.TokenError(host) != nil {
		t.Errorf("a pull: %v, kept %v", err, l.TokenError(host))
	}
	got, err := ask("pull,push")
	if err != nil || got.Token == "" || got.ExpiresIn != 1 || l.TokenError(host) == nil || !strings.Contains(l.TokenError(host).Error(), "401 Unauthorized") {
		t.Errorf("a push: %v, %v, kept %v", got, err, l.TokenError(host))
	}
	allowed = true
	if got, err := ask("pull,push"); err != nil || got.Token != "real" || l.TokenError(host) != nil {
		t.Errorf("a push with a login: %v, %v, kept %v", got, err, l.TokenError(host))
	}
}

func TestAClusterGetsANameAndAPassword(t *testing.T) {
	file := configfile.New("")
	file.AuthConfigs = map[string]types.AuthConfig{
		"r.example": {Username: "me", Password: "secret"}, "token.example": {Username: "me", IdentityToken: "x"},
		"https://index.docker.io/v1/": {Username: "hub", Password: "p"},
	}
	pods := New(func() *configfile.ConfigFile { return file }, nil).ForPods(nil)
	for image, want := range map[string]string{
		"r.example/app":     `{"auths":{"r.example":{"password":"secret","username":"me"}}}`,
		"app":               `{"auths":{"https://index.docker.io/v1/":{"password":"p","username":"hub"}}}`,
		"token.example/app": "", "other.example/app": "",
	} {
		if got, err := pods(t.Context(), image); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", image, got, err)
		}
	}
}
