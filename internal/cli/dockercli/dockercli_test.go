package dockercli_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/flags"
	"github.com/docker/go-connections/tlsconfig"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
)

// configured makes a config folder with a file, if one is given, and the contexts of the hosts.
func configured(t *testing.T, file string, contexts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	config.SetDir(dir)
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONTEXT", "")
	if file != "" {
		write(t, filepath.Join(dir, config.ConfigFileName), file)
	}
	for name, host := range contexts {
		text := `{"Name":"` + name + `","Metadata":{},"Endpoints":{"docker":{"Host":"` + host + `","SkipTLSVerify":false}}}`
		write(t, filepath.Join(dir, "contexts", "meta", digest.FromString(name).Encoded(), "meta.json"), text)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func initialized(t *testing.T, options flags.ClientOptions) *dockercli.CLI {
	t.Helper()
	docker := dockercli.New(io.Discard)
	if err := docker.Initialize(&options, nil); err != nil {
		t.Fatal(err)
	}
	return docker
}

// The Docker CLI itself says which context and host are meant.
func TestTheContextIsTheOneOfTheDockerCLI(t *testing.T) {
	contexts := map[string]string{"one": "unix:///one.sock", "two": "tcp://two:1", "far": "ssh://me@far"}
	for name, c := range map[string]struct {
		file, host, context string
		options             flags.ClientOptions
	}{
		"nothing":                {},
		"the config file":        {file: `{"currentContext":"one"}`},
		"DOCKER_CONTEXT":         {file: `{"currentContext":"one"}`, context: "two"},
		"DOCKER_HOST":            {context: "two", host: "tcp://h:5"},
		"DOCKER_HOST of a word":  {host: "h"},
		"a flag for the context": {context: "two", host: "tcp://h:5", options: flags.ClientOptions{Context: "far"}},
		"a flag for the host":    {context: "two", host: "tcp://h:5", options: flags.ClientOptions{Hosts: []string{"ssh://other"}}},
		"a flag for the default": {file: `{"currentContext":"one"}`, options: flags.ClientOptions{Context: "default"}},
		"TLS":                    {options: flags.ClientOptions{TLSOptions: &tlsconfig.Options{}, TLS: true}},
	} {
		t.Run(name, func(t *testing.T) {
			configured(t, c.file, contexts)
			t.Setenv("DOCKER_HOST", c.host)
			t.Setenv("DOCKER_CONTEXT", c.context)
			peer, err := command.NewDockerCli()
			if err != nil {
				t.Fatal(err)
			}
			if err := peer.Initialize(&c.options); err != nil {
				t.Fatal(err)
			}
			docker := initialized(t, c.options)
			if got, want := docker.Context(), peer.CurrentContext(); got != want {
				t.Errorf("the context is %q, want %q", got, want)
			}
			if host, err := docker.Host(""); host != peer.DockerEndpoint().Host || err != nil {
				t.Errorf("the host is %q, %v; want %q", host, err, peer.DockerEndpoint().Host)
			}
		})
	}
}

func TestAnEngineThatCannotBeUsedIsNamed(t *testing.T) {
	configured(t, "", map[string]string{"far": "ssh://"})
	write(t, filepath.Join(config.Dir(), "contexts", "meta", digest.FromString("broken").Encoded(), "meta.json"), "{")
	withTLS := flags.ClientOptions{TLSOptions: &tlsconfig.Options{CAFile: filepath.Join(t.TempDir(), "ca.pem")}}
	for address, want := range map[string]string{
		"none":     `there is no Docker context "none"`,
		"broken":   `Docker context "broken"`,
		"far":      "far cannot be used: ssh host connection is not valid",
		"https://": "https:// cannot be used",
	} {
		_, _, err := initialized(t, flags.ClientOptions{}).Client(address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
		if hinted, ok := errors.AsType[*cli.Hinted](err); address == "none" && (!ok || !strings.Contains(hinted.Hint, "docker context ls")) {
			t.Errorf("%s: there is no hint", address)
		}
	}
	if _, _, err := initialized(t, withTLS).Client("tcp://h:1"); err == nil || !strings.Contains(err.Error(), "its TLS files: open "+withTLS.TLSOptions.CAFile) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestTheUsersHeadersAreSent(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer server.Close()
	address := "tcp://" + server.Listener.Addr().String()
	for given, want := range map[string]string{"": "of the file", `x-name="a",other=b`: "", `"x-name=a, b",other=c`: "a, b"} {
		configured(t, `{"HttpHeaders":{"X-Name":"of the file"}}`, map[string]string{"one": address})
		t.Setenv("DOCKER_CUSTOM_HEADERS", given)
		api, _, err := initialized(t, flags.ClientOptions{}).Client("one")
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "DOCKER_CUSTOM_HEADERS") {
				t.Errorf("%s: %v", given, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.Ping(t.Context(), client.PingOptions{}); err != nil || got.Get("X-Name") != want {
			t.Errorf("%s: it is %q, %v", given, got.Get("X-Name"), err)
		}
	}
}
