//go:build e2e

package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

const defaultBuilderImage = "moby/buildkit:buildx-stable-1"

// ownImage makes an image like the builder's, with an ID of its own, and gives it a name.
func (s *story) ownImage(name string) {
	s.Helper()
	id := s.mustDocker("create", defaultBuilderImage)
	s.mustDocker("commit", "-c", `ENTRYPOINT ["buildkitd"]`, "-c", "CMD []", "-c", "LABEL story="+random(), id, name)
	s.mustDocker("rm", "-v", id)
	s.Cleanup(func() { s.docker("image", "rm", "-f", name) })
}

// tag gives an image one more name, until the story ends.
func (s *story) tag(image, name string) {
	s.Helper()
	s.mustDocker("tag", image, name)
	s.Cleanup(func() { s.docker("image", "rm", name) })
}

// untrusting builds in the story's builder, from an image, for a user who trusts none.
func (s *story) untrusting(image string, args ...string) result {
	s.Helper()
	args = append(args, "--builder-image", image, "-o", "type=oci,dest=out.tar", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
	return s.run(call{args: s.buildArgs(args...), env: []string{trustVariable + "="}})
}

func TestABuilderImageThatWasPulledWorksOfflineAndItsIDCanBeTrustedUnderAnotherName(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.besideUs()
		s.ownBuilder()
		faults, host := s.front()
		var asked atomic.Int32
		var offline atomic.Bool
		faults.Add(faultregistry.Fault{
			Match: func(string, string) bool { return offline.Load() },
			Do: func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
				asked.Add(1)
				http.Error(w, "offline", http.StatusServiceUnavailable)
			},
		})
		_, path, _ := strings.Cut(s.repo(), "/")
		pulled := host + "/" + path + ":1"
		s.ownImage(pulled)
		s.mustDocker("push", "-q", pulled)
		s.mustDocker("image", "rm", pulled)
		s.mustDocker("pull", "-q", pulled)
		offline.Store(true)
		for range 2 { // the second finds a builder
			if r := s.untrusting(pulled); r.code != 0 {
				s.Fatalf("status %d\n%s", r.code, r.err)
			}
		}
		s.equal("requests to its registry", asked.Load(), 0)
		s.contains("the builder", s.mustDocker("multiarch", "builder", "inspect", s.builder), "pulled from "+host+"/"+path)

		// This is the same image under the name of another repository, which no registry has.
		s.ownBuilder()
		other := s.repo() + ":1"
		s.tag(pulled, other)
		r := s.untrusting(other)
		id := s.mustDocker("image", "inspect", "-f", "{{.Id}}", other)
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, `"docker pull `+other+`"`, "--trust-image "+id)
		s.equal("the containers", s.containers(), "[]")
		if r := s.untrusting(other, "--trust-image", id); r.code != 0 {
			s.Errorf("trusted: status %d\n%s", r.code, r.err)
		}
	})
}

func TestABuilderImageThatWasBuiltLoadedOrImportedIsRefused(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		made, imported, loaded := s.repo()+":1", s.repo()+":1", s.repo()+":1"
		s.ownImage(made)
		empty := strings.NewReader(strings.Repeat("\x00", 1024)) // an archive without files
		s.mustRun(call{args: []string{"import", "-c", `ENTRYPOINT ["buildkitd"]`, "-", imported}, stdin: empty})
		s.Cleanup(func() { s.docker("image", "rm", imported) })
		s.mustDocker("tag", made, loaded)
		s.mustDocker("save", "-o", s.dir+"/saved.tar", loaded)
		s.mustDocker("image", "rm", loaded)
		s.mustDocker("load", "-i", s.dir+"/saved.tar")
		s.Cleanup(func() { s.docker("image", "rm", loaded) })
		for how, image := range map[string]string{
			"built": made, "imported": imported, "loaded": loaded, "imported, by default": defaultBuilderImage,
		} {
			r := s.untrusting(image)
			s.equal("the status of one that was "+how, r.code, 1)
			s.contains("the error of one that was "+how, r.err, `"docker pull `+image+`"`, "--trust-image sha256:")
		}
		s.equal("the containers", s.containers(), "[]")
	})
}

func TestNothingThatIsLoadedTakesTheNameOfAnImageThatRunsWithPrivileges(t *testing.T) {
	onEachEngine(t, func(s *story) {
		before := s.mustDocker("image", "inspect", "-f", "{{.Id}}", defaultBuilderImage)
		project := s.dockerfile("FROM scratch", "COPY Dockerfile /")
		s.write(project+"/.docker-multiarch.yaml", "image: "+defaultBuilderImage+"\n")
		s.mustBuild("-t", defaultBuilderImage, "-o", "type=oci,dest=app.tar", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		for words, args := range map[string][]string{
			"a project's file": s.buildArgs("--load", project),
			"--load":           s.buildArgs("--load", "-t", "tonistiigi/binfmt:any", s.dockerfile("FROM scratch", "COPY Dockerfile /")),
			"an archive":       {"multiarch", "load", "app.tar"},
		} {
			r := s.docker(args...)
			s.equal("the status of "+words, r.code, 125)
			s.contains("the error of "+words, r.err, "is reserved for an image that runs with privileges")
		}
		s.equal("the image", s.mustDocker("image", "inspect", "-f", "{{.Id}}", defaultBuilderImage), before)
	})
}
