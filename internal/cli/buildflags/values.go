// Package buildflags has groups of flags of build, and parses them into values that depend on no other part of a build.
package buildflags

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/util/gitutil"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
)

// Pairs parses key=value flags; the last value of a repeated key counts.
func Pairs(flag, form string, values []string) (map[string]string, error) {
	m := map[string]string{}
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%s %q is not of the form %s", flag, v, form)
		}
		m[key] = value
	}
	return m, nil
}

// ParseLabels parses KEY=VALUE, or KEY alone for an empty value, as docker build does.
func ParseLabels(values []string) (map[string]string, error) {
	m := map[string]string{}
	for _, v := range values {
		key, value, _ := strings.Cut(v, "=")
		if key == "" {
			return nil, fmt.Errorf("--label %q is not of the form KEY=VALUE", v)
		}
		m[key] = value
	}
	return m, nil
}

// ParseBuildArgs parses KEY=VALUE, or KEY alone to take the value from the environment. As in docker build, an argument that is not
// set there is left out.
func ParseBuildArgs(values []string, lookup func(string) (string, bool)) (map[string]string, error) {
	m := map[string]string{}
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if key == "" {
			return nil, fmt.Errorf("--build-arg %q is not of the form KEY=VALUE or KEY", v)
		}
		if !ok {
			if value, ok = lookup(key); !ok {
				continue
			}
		}
		m[key] = value
	}
	return m, nil
}

// AddProxies passes the proxies of the Docker config to RUN steps, as docker build does, unless the user sets them. BuildKit keeps
// these arguments out of the image's history and of the cache keys, but a provenance of mode=max shows them. The result has the
// proxies with a password, each with the value that may be shown.
func AddProxies(args, proxies map[string]string) (hidden map[string]string) {
	given := map[string]bool{}
	for k := range args {
		given[strings.ToUpper(k)] = true
	}
	for k, v := range proxies {
		if given[strings.ToUpper(k)] {
			continue
		}
		args[k] = v
		if masked := buildkitd.MaskProxy(v); masked != v {
			if hidden == nil {
				hidden = map[string]string{}
			}
			hidden[v] = masked
		}
	}
	return hidden
}

// ParseSecrets parses [type=file|env,]id=ID[,src=PATH|,env=NAME]. As in docker buildx build, a secret without a source is the
// environment variable ID if it is set, else the file ID. A missing file or variable is reported before the build.
func ParseSecrets(values []string, lookup func(string) (string, bool)) ([]secretsprovider.Source, error) {
	var sources []secretsprovider.Source
	for _, v := range values {
		s, err := parseSecret(v, lookup)
		if err != nil {
			return nil, fmt.Errorf("--secret %q: %w", v, err)
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func parseSecret(value string, lookup func(string) (string, bool)) (secretsprovider.Source, error) {
	var s secretsprovider.Source
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return s, err
	}
	kind := ""
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return s, fmt.Errorf("%q is not of the form key=value", field)
		}
		switch strings.ToLower(key) {
		case "type":
			kind = value
		case "id":
			s.ID = value
		case "src", "source":
			s.FilePath = value
		case "env":
			s.Env = value
		default:
			return s, fmt.Errorf("unknown key %q", key)
		}
	}
	return checkSecret(s, kind, lookup)
}

func checkSecret(s secretsprovider.Source, kind string, lookup func(string) (string, bool)) (secretsprovider.Source, error) {
	switch kind {
	case "", "file":
	case "env":
		if s.Env == "" {
			s.Env, s.FilePath = s.FilePath, "" // with type=env, src names the variable
		}
		if s.Env == "" {
			s.Env = s.ID
		}
	default:
		return s, fmt.Errorf("the type %q is not one of file, env", kind)
	}
	if s.ID == "" {
		s.ID = s.FilePath + s.Env
	}
	if s.ID == "" {
		return s, errors.New("the id is missing")
	}
	if s.Env == "" && s.FilePath == "" {
		return secretOfID(s, kind, lookup)
	}
	if s.Env != "" {
		if _, ok := lookup(s.Env); !ok {
			return s, fmt.Errorf("the environment variable %s is not set", s.Env)
		}
		return s, nil
	}
	_, err := os.Stat(s.FilePath)
	return s, err
}

// secretOfID completes a secret that has only an ID: from the variable, else from the file of that name.
func secretOfID(s secretsprovider.Source, kind string, lookup func(string) (string, bool)) (secretsprovider.Source, error) {
	if _, ok := lookup(s.ID); ok && kind != "file" {
		s.Env = s.ID
		return s, nil
	}
	s.FilePath = s.ID
	_, err := os.Stat(s.FilePath)
	if errors.Is(err, fs.ErrNotExist) && kind != "file" {
		return s, fmt.Errorf("the environment variable %s is not set, and the file %q does not exist", s.ID, s.FilePath)
	}
	return s, err
}

// ParseSSH parses default|ID[=SOCKET|KEY[,KEY]]. A git context over ssh adds the default agent.
func ParseSSH(values []string, context string) ([]sshprovider.AgentConfig, error) {
	if len(values) == 0 && isGitSSH(context) {
		values = []string{"default"}
	}
	var agents []sshprovider.AgentConfig
	for _, v := range values {
		id, paths, ok := strings.Cut(v, "=")
		a := sshprovider.AgentConfig{ID: id}
		if ok {
			a.Paths = strings.Split(paths, ",")
		}
		agents = append(agents, a)
	}
	if _, err := sshprovider.NewSSHAgentProvider(agents); err != nil {
		return nil, fmt.Errorf("--ssh: %w", err)
	}
	return agents, nil
}

func isGitSSH(context string) bool {
	if _, local := source.LocalContext(context); local {
		return false
	}
	u, err := gitutil.ParseURL(context)
	return err == nil && u.Scheme == gitutil.SSHProtocol
}
