//go:build e2e

package e2e

import (
	"os/exec"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
)

// noNative is an image like golang.Primed that is not there for the builder's own platform.
const noNative = "nonative"

var golangLock sync.Mutex

// golang is the name of an image with the Go toolchain, for all of golang.Platforms. It is made unless the registry has it.
func (s *story) golang(target string) string {
	s.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		lacking(s.T, "there is no Go toolchain to make images of: "+err.Error())
	}
	golangLock.Lock()
	defer golangLock.Unlock()
	cache, err := cacheDir()
	s.check(err)
	made, err := golang.Make(s.Context(), cache)
	s.check(err)
	repo, tag := s.registry+"/base/golang", target+"-"+made.Key
	if s.exists(repo, tag) {
		return repo + ":" + tag
	}
	platforms, stage := golang.Platforms, target
	if target == noNative {
		platforms, stage = strings.TrimPrefix(platforms, "linux/amd64,"), golang.Primed
	}
	// What the gate would say of the toolchain's own objects for other systems is of no use here.
	s.mustBuild("--platform", platforms, "--target", stage, "--verify=off", "--build-arg", "BASE="+s.base, "--push", "-t", repo+":"+tag, "-f", made.Dockerfile, made.Dir)
	return repo + ":" + tag
}
