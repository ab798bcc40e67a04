package buildkitd

import (
	"slices"
	"strings"
)

// noProxyLocal lists hosts that are never reached through a proxy: registries on loopback.
var noProxyLocal = []string{"localhost", "127.0.0.1", "::1"}

// ProxyEnv returns the environment that makes buildkitd use proxies: the user's, and where the user has
// none of a kind, the engine's. Each variable is set in both cases, since git inside the builder reads
// http_proxy in lower case only. Without a proxy the result is empty.
func ProxyEnv(user, engine map[string]string) map[string]string {
	vars := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			vars[strings.ToUpper(name)] = value
		}
	}
	for k, v := range engine {
		set(k, v)
	}
	for k, v := range user {
		switch strings.ToUpper(k) {
		case "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "FTP_PROXY":
			set(k, v)
		}
	}
	if vars["HTTP_PROXY"] == "" && vars["HTTPS_PROXY"] == "" && vars["ALL_PROXY"] == "" {
		return nil
	}
	vars["NO_PROXY"] = withLocal(vars["NO_PROXY"])
	out := make(map[string]string, 2*len(vars))
	for k, v := range vars {
		out[k] = v
		out[strings.ToLower(k)] = v
	}
	return out
}

// withLocal adds the missing hosts of noProxyLocal to a NO_PROXY list.
func withLocal(list string) string {
	var have []string
	for f := range strings.SplitSeq(list, ",") {
		if f = strings.TrimSpace(f); f != "" {
			have = append(have, f)
		}
	}
	for _, l := range noProxyLocal {
		if !slices.Contains(have, l) {
			have = append(have, l)
		}
	}
	return strings.Join(have, ",")
}

// ProxyVars picks the proxies from an environment.
func ProxyVars(env []string) map[string]string {
	var out map[string]string
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		if !isProxyVar(k) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out
}

// isProxyVar reports whether a variable is one of ProxyEnv's.
func isProxyVar(name string) bool {
	return strings.HasSuffix(strings.ToUpper(name), "_PROXY")
}

// MaskProxy hides the password of a proxy, with or without a scheme. It searches for the last @, so
// that a password with unescaped characters is hidden as well.
func MaskProxy(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if ok {
		scheme += "://"
	} else {
		scheme, rest = "", value
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return value
	}
	user, _, has := strings.Cut(rest[:at], ":")
	if !has {
		return value
	}
	return scheme + user + ":xxxxx" + rest[at:]
}
