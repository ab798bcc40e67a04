package buildflags

import (
	"strconv"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
)

// fromServices adds the environment's settings of cache services, as docker buildx does (build/opt.go), and reports whether the cache
// can be used.
func fromServices(e buildcache.Entry, lookup func(string) (string, bool)) (active bool) {
	switch e.Type {
	case "gha":
		addGitHub(e.Attrs, lookup)
		return e.Attrs["token"] != "" && (e.Attrs["url"] != "" || e.Attrs["url_v2"] != "")
	case "s3":
		addAWS(e.Attrs, lookup)
	}
	return true
}

// addGitHub adds the variables of GitHub's runner, which an action may pass on to a step.
func addGitHub(attrs map[string]string, lookup func(string) (string, bool)) {
	take := func(key string, names ...string) {
		if _, set := attrs[key]; set {
			return
		}
		for _, name := range names {
			if v, ok := lookup(name); ok {
				attrs[key] = v
				return
			}
		}
	}
	version, set := attrs["version"]
	if v, ok := lookup("ACTIONS_CACHE_SERVICE_V2"); ok && !set {
		if second, err := strconv.ParseBool(v); err == nil && second {
			version = "2"
		}
	}
	take("token", "ACTIONS_RUNTIME_TOKEN")
	if version == "2" {
		take("url_v2", "ACTIONS_RESULTS_URL")
	}
	take("url", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL")
}

// addAWS takes the credentials from the variables of the AWS tools. Key and secret belong together, so the environment's session token
// is not added to a pair from the user.
func addAWS(attrs map[string]string, lookup func(string) (string, bool)) {
	if attrs["access_key_id"] != "" && attrs["secret_access_key"] != "" {
		return
	}
	for _, v := range []struct{ key, name string }{
		{"access_key_id", "AWS_ACCESS_KEY_ID"}, {"secret_access_key", "AWS_SECRET_ACCESS_KEY"}, {"session_token", "AWS_SESSION_TOKEN"},
	} {
		if value, ok := lookup(v.name); ok && value != "" && attrs[v.key] == "" {
			attrs[v.key] = value
		}
	}
}
