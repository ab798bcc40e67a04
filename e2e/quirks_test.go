//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// unpushable are the quirks with which BuildKit cannot push, and therefore neither we nor the peer can build for such a registry, and the
// words that a user sees. Images that are built already can be pushed, merged, listed and read there.
var unpushable = map[string]string{
	"no-head-403":     "unexpected status from HEAD request",
	"no-head-405":     "unexpected status from HEAD request",
	"no-head-501":     "unexpected status from HEAD request",
	"blobs-elsewhere": "unexpected status from HEAD request", // the other server refuses HEAD, as storage with signed addresses does
	"blobs-found":     "unexpected status from HEAD request",
	"put-202":         "unexpected status from PUT request",
	"post-201":        "blob unknown to registry", // BuildKit takes it for a mount
	"location-query":  "the query is not the one that was given",
	"mount-403":       "no mounts", // BuildKit mounts layers that it has pushed to another repository of the registry
	"mount-404":       "no mounts",
	"mount-405":       "no mounts",
	"mount-500":       "no mounts",
	"one-header":      "401 Unauthorized",
	"basic-bearer":    "401 Unauthorized",
	"bearer-capitals": "no realm specified",
	"bearer-unquoted": "failed to fetch oauth token",
}

// together returns sets of quirks that a registry may have at once, so that each quirk is in one of them: the first of every group, the
// second, and so on. A set of one is a quirk that BuildKit cannot push with, that waits, or that has a login of its own. The tests of package
// manifest have every quirk by itself.
func together() (sets [][]string) {
	groups := map[string][]string{}
	for _, quirk := range faultregistry.Quirks {
		if unpushable[quirk.Name] != "" || quirk.Group == "wait" || quirk.Name == "identity-token" {
			sets = append(sets, []string{quirk.Name})
		} else {
			groups[quirk.Group] = append(groups[quirk.Group], quirk.Name)
		}
	}
	most := 0
	for _, group := range groups {
		most = max(most, len(group))
	}
	for i := range most {
		var set []string
		for _, name := range sortedKeys(groups) {
			set = append(set, groups[name][i%len(groups[name])])
		}
		sets = append(sets, set)
	}
	return sets
}

// sideBySide runs parts of a test, of which at most so many at the same time. They wait for servers more than they compute, so that
// the limit on parallel stories is too low for them.
func (s *story) sideBySide(atOnce int, names []string, tell func(s *story, name string)) {
	s.Helper()
	var all sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for _, name := range names {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			s.Run(name, func(t *testing.T) { tell(s.in(t), name) })
		})
	}
	all.Wait()
}

// plugin runs the plugin itself, without the Docker CLI.
func (s *story) plugin(args ...string) result {
	s.Helper()
	return s.startProgram(pluginFile, call{args: args}).wait()
}

func (s *story) mustPlugin(args ...string) result {
	s.Helper()
	r := s.plugin(args...)
	if r.code != 0 {
		s.Fatalf("%s: status %d after %s\n%s%s", strings.Join(args, " "), r.code, r.took, r.out, r.err)
	}
	return r
}

func TestEveryCommandWorksWithEveryQuirkOfRegistries(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CONTAINERD")
	quirky := &faultregistry.Quirky{Next: s.backend()}
	host, traded := s.serve(quirky), s.serve(quirky)
	_, port, err := net.SplitHostPort(s.serve(quirky.Storage()))
	s.check(err)
	quirky.Elsewhere = "http://localhost:" + port // another name than host's: net/http drops a login when the name changes, and not when the port does
	s.write(filepath.Join(s.home, ".docker", "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q},%q:{"auth":%q,"identitytoken":%q}}}`, host,
		base64.StdEncoding.EncodeToString([]byte(faultregistry.User+":"+faultregistry.Password)), traded,
		base64.StdEncoding.EncodeToString([]byte("00000000-0000-0000-0000-000000000000:")), faultregistry.IdentityToken))
	dir := s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY Dockerfile /$TARGETARCH")
	s.mustBuild("--platform", twoPlatforms, "--provenance=mode=min", "-o", "type=oci,dest=app.tar", dir)
	plain := host + "/e2e/" + random()
	s.mustPlugin("build", "--builder", s.builder, "--platform", twoPlatforms, "--push", "-t", plain+":1", dir) // so that BuildKit can mount its layers
	peer := "e2e-peer-" + random()
	s.peer("create", "--name", peer, "--driver-opt", "network=host")
	s.Cleanup(func() { s.peer("rm", peer) })
	s.peer("build", "--builder", peer, "--provenance=false", "--platform", twoPlatforms, "--push", "-t", plain+":2", dir)
	var names []string
	for _, set := range together() {
		names = append(names, strings.Join(set, "."))
	}
	s.sideBySide(8, names, func(s *story, name string) {
		at := host
		if name == "identity-token" {
			at = traded
		}
		own := dir
		if !strings.HasPrefix(name, "mount-") {
			own = s.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY <<EOF /$TARGETARCH", random(), "EOF")
		}
		s.quirk(at+"/e2e/"+random()+"/quirks."+name, own, peer, unpushable[name])
	})
	s.equal("the logins that another server got", quirky.Leaked(), "[]")
}

// quirk runs every command that talks to registries, in repositories below a path.
func (s *story) quirk(path, dir, peer, refusal string) {
	s.Helper()
	two := []string{"linux/amd64", "linux/arm64"}
	s.mustPlugin("push", "app.tar", path+"/archive:1")
	s.mustPlugin("manifest", "merge", "-t", path+"/merged:1", path+"/archive:1")
	images := s.remote(s.behind(path+"/archive"), "1")
	s.mustPlugin("manifest", "create", path+"/list:1", path+"/archive@"+images.Manifests[0].Digest, path+"/archive@"+images.Manifests[1].Digest)
	s.mustPlugin("manifest", "push", path+"/list:1")
	for _, tag := range []string{"merged:1", "list:1"} {
		repo, tag, _ := strings.Cut(tag, ":")
		s.equal("the platforms of "+repo, s.remote(s.behind(path+"/"+repo), tag).platforms()[:2], two)
	}
	s.contains("inspect", s.mustPlugin("inspect", path+"/archive:1").out, two...)
	s.mustPlugin("verify", path+"/archive:1")
	build := []string{"build", "--builder", s.builder, "--platform", twoPlatforms, "--push", dir, "-t"}
	if refusal != "" {
		r := s.plugin(append(build, path+"/built:1")...)
		s.equal("the status", r.code, 4)
		s.contains("the error", r.err, "ERROR: ", refusal, path+"/built", "No tag was moved")
		s.equal("whether the tag is there", s.exists(s.behind(path+"/built"), "1"), false)
		theirs := s.startProgram(need(s.T, "MULTIARCH_E2E_BUILDX"), call{
			args: []string{"build", "--builder", peer, "--provenance=false", "--platform", twoPlatforms, "--push", "-t", path + "/peer:1", dir},
			env:  []string{"BUILDX_CONFIG=" + filepath.Join(s.home, "buildx")},
		}).wait()
		s.equal("whether the peer's build failed", theirs.code != 0, true)
		return
	}
	for tag, flag := range map[string]string{"plain": "--provenance=false", "attested": "--provenance=mode=min"} {
		s.mustPlugin(append(build, path+"/built:"+tag, flag)...)
		s.equal("the platforms", s.remote(s.behind(path+"/built"), tag).platforms()[:2], two)
	}
}
