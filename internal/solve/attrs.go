package solve

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/util/entitlements"

	"github.com/docker-multiarch/docker-multiarch/internal/grants"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// attrs returns the frontend attributes for one platform. The map is new at each call: a solve may keep it.
func (r Request) attrs(p platform.Platform, contextSession string) map[string]string {
	attrs := r.Source.FrontendAttrs(p)
	attrs["platform"] = platform.Format(p)
	for name := range r.Source.Dirs {
		attrs["local-sessionid:"+name] = contextSession
	}
	for k, v := range r.buildArgs(p) {
		attrs["build-arg:"+k] = v
	}
	for k, v := range r.Labels {
		attrs["label:"+k] = v
	}
	for k, v := range r.Attests {
		attrs["attest:"+k] = v
	}
	set := func(key, value string, wanted bool) {
		if wanted {
			attrs[key] = value
		}
	}
	set("target", r.target(p), r.target(p) != "")
	set("add-hosts", strings.Join(r.ExtraHosts, ","), len(r.ExtraHosts) > 0)
	set("force-network-mode", r.Network, r.Network != "")
	set("no-cache", "", r.NoCache)
	set("image-resolve-mode", "pull", r.Pull)
	r.Steps.attrs(attrs)
	if needed := caps(attrs); needed != "" {
		attrs["frontend.caps"] = needed
	}
	return attrs
}

// buildArgs returns all build arguments that hold for the platform. The map is new.
func (r Request) buildArgs(p platform.Platform) map[string]string {
	args := map[string]string{}
	maps.Copy(args, r.BuildArgs)
	maps.Copy(args, r.Own[platform.Format(p)].BuildArgs)
	return args
}

func (r Request) target(p platform.Platform) string {
	if own := r.Own[platform.Format(p)].Target; own != "" {
		return own
	}
	return r.Target
}

// attrs adds the frontend's attributes.
func (s Steps) attrs(attrs map[string]string) {
	maps.Copy(attrs, s.Limits)
	if s.CgroupParent != "" {
		attrs["cgroup-parent"] = s.CgroupParent
	}
	if s.ShmSize > 0 {
		attrs["shm-size"] = strconv.FormatInt(s.ShmSize, 10)
	}
	if len(s.Ulimits) > 0 {
		attrs["ulimit"] = strings.Join(s.Ulimits, ",")
	}
	if len(s.NoCache) > 0 {
		attrs["no-cache"] = strings.Join(s.NoCache, ",")
	}
}

// entitlements returns the entitlements that a solve must be granted.
func (r Request) entitlements() []string {
	granted := r.Steps.Entitlements
	if r.Network == "host" {
		granted = append([]string{entitlements.EntitlementNetworkHost.String()}, granted...)
	}
	return granted
}

// caps returns the capabilities that a frontend needs to read a build with these attributes. An older frontend then refuses the build
// instead of ignoring what it does not know (BuildKit, frontend/dockerfile/builder/caps.go; docker buildx asks for the same).
func caps(attrs map[string]string) string {
	needed := map[string]bool{}
	for key, value := range attrs {
		named := strings.HasPrefix(key, "context:")
		if named {
			needed["moby.buildkit.frontend.contexts+forward"] = true
		}
		if !named && key != source.ContextName {
			continue
		}
		if _, git, _ := dfgitutil.ParseGitRef(value); git && strings.Contains(value, "?") {
			if named {
				needed["moby.buildkit.frontend.gitquerystring+forward"] = true
			} else {
				needed["moby.buildkit.frontend.gitquerystring"] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(needed)), ",")
}

// attachables returns the services of one solve's own session: registry credentials, the spooled context, and the secrets and SSH agents
// that the node was granted.
func (r Request) attachables(auth session.Attachable, granted *grants.Grants) ([]session.Attachable, error) {
	var list []session.Attachable
	if auth != nil {
		list = append(list, auth)
	}
	if len(r.Secrets) > 0 {
		store, err := secretsprovider.NewStore(r.Secrets)
		if err != nil {
			return nil, fmt.Errorf("read the secrets: %w", err)
		}
		list = append(list, secretsprovider.NewSecretProvider(granted.Secrets(store)))
	}
	if len(r.SSH) > 0 {
		agents, err := sshprovider.NewSSHAgentProvider(r.SSH)
		if err != nil {
			return nil, fmt.Errorf("reach the SSH agents: %w", err)
		}
		if agents, err = granted.Agents(agents); err != nil {
			return nil, fmt.Errorf("reach the SSH agents: %w", err)
		}
		list = append(list, agents)
	}
	return append(list, r.Source.Attachables()...), nil
}
