package buildflags

import (
	"strconv"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
)

// fromServices adds what the environment says about the services behind caches, as docker buildx does (build/opt.go), and tells
// whether there is enough to use the cache.
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

// addGitHub: the variables are those of GitHub's runner, as an action may hand them on to a step.
func addGitHub(attrs map[string]string, lookup func(string) (string, bool)) {
	take := func(key string, names ...string) {
		if _, said := attrs[key]; said {
			return
		}
		for _, name := range names {
			if v, ok := lookup(name); ok {
				attrs[key] = v
				return
			}
		}
	}
	version, said := attrs["version"]
	if v, ok := lookup("ACTIONS_CACHE_SERVICE_V2"); ok && !said {
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

// addAWS takes the credentials from the variables that the AWS tools use. Key and secret belong together: a pair that the user gives
// comes without a session of the environment.
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
