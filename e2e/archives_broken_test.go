//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// largestBlob returns the file of the largest blob of a layout: a layer.
func (s *story) largestBlob(dir string) (name string) {
	s.Helper()
	blobs := filepath.Join(dir, "blobs", "sha256")
	entries, err := os.ReadDir(blobs)
	var most int64
	for _, e := range entries {
		if info, _ := e.Info(); info != nil && info.Size() > most {
			name, most = filepath.Join(blobs, e.Name()), info.Size()
		}
	}
	if err != nil || name == "" {
		s.Fatalf("no blob in %s: %v", dir, err)
	}
	return name
}

func TestALayerThatWasChangedMovesNoTagAndGetsNoName(t *testing.T) {
	onEachEngine(t, func(s *story) {
		name, repo := s.engineName(), s.repo()
		context := s.folder(files{"Dockerfile": "FROM scratch\nCOPY big /\n", "big": noise(2 << 20)})
		s.mustBuild("--platform", twoPlatforms, "-o", "type=oci,tar=false,dest=whole", context)
		s.mustDocker("multiarch", "push", "whole", repo+":whole")
		before := s.remote(repo, "whole").digest
		layer := s.largestBlob(filepath.Join(s.dir, "whole"))
		body, err := os.ReadFile(layer)
		if err == nil {
			err = os.Remove(layer)
		}
		if err != nil {
			s.Fatal(err)
		}
		for how, bytes := range map[string][]byte{"cut": body[:len(body)/2], "changed": append(append([]byte{}, body[:len(body)-1]...), body[len(body)-1]^1)} {
			if err := os.WriteFile(layer, bytes, 0o600); err != nil {
				s.Fatal(err)
			}
			for _, args := range [][]string{
				{"verify", "./whole"},
				{"push", "whole", repo + ":" + how},
				{"push", "--verify=off", "whole", repo + ":" + how},
				{"load", "-t", name, "whole"},
				{"load", "--platform", "native", "-t", name, "whole"},
			} {
				if got := s.docker(append([]string{"multiarch"}, args...)...); got.code == 0 || !strings.Contains(got.out+got.err, filepath.Base(layer)[:12]) {
					s.Errorf("%s layer: %v: status %d: %s%s", how, args, got.code, got.out, got.err)
				}
			}
			var tags struct{ Tags []string }
			if err := json.Unmarshal([]byte(s.skopeo("list-tags", "--tls-verify=false", "docker://"+repo)), &tags); err != nil || len(tags.Tags) != 1 {
				s.Errorf("%s layer: the repository has the tags %v (%v)", how, tags.Tags, err)
			}
			if got := s.docker("image", "inspect", name); got.code == 0 {
				s.Errorf("%s layer: the engine has the name", how)
			}
		}
		s.equal("the tag of the whole one", s.remote(repo, "whole").digest, before)
	})
}
