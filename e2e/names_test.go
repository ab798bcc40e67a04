//go:build e2e

package e2e

import "testing"

func TestAnOutputsNameIsNoOthers(t *testing.T) {
	onEachEngine(t, func(s *story) {
		repo, mine := s.repo(), s.repo()
		r := s.mustBuild("-q", "-o", "type=image,push=true,name="+repo+":1", "-o", "type=oci,dest=app.tar,name="+mine+":2", s.dockerfile("FROM scratch", "COPY Dockerfile /"))
		s.contains("the answer", r.out, repo+"@"+s.remote(repo, "1").digest)
		s.equal("the tags of the archive's name", len(s.tagsOf(mine)), 0)
	})
}
