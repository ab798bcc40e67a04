//go:build e2e

package e2e

import (
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// noNative is an image like golang.Primed that does not exist for the builder's own platform.
const noNative = "nonative"

var golangLock sync.Mutex

// golang returns the name of an image with the Go toolchain, for all of golang.Platforms. It is made unless the registry has it.
func (s *story) golang(target string) string {
	s.Helper()
	golangLock.Lock()
	defer golangLock.Unlock()
	if _, err := exec.LookPath("go"); err != nil {
		testenv.SkipBecause(s.T, "there is no Go toolchain to make images of: "+err.Error())
	}
	cache, err := cacheDir()
	s.check(err)
	made, err := golang.Make(s.Context(), cache)
	s.check(err)
	return s.madeGolang(made, target)
}

func (s *story) madeGolang(made golang.Made, target string) string {
	s.Helper()
	repo, tag := s.registry+"/base/golang", target+"-"+made.Key
	if s.exists(repo, tag) {
		return repo + ":" + tag
	}
	platforms, stage := golang.Platforms, target
	args := []string{"--build-arg", "BASE=" + s.base}
	if target == noNative {
		platforms, stage = strings.TrimPrefix(platforms, "linux/amd64,"), golang.Primed
	}
	if stage == golang.Primed {
		args = append(args, "--build-arg", "BARE="+s.madeGolang(made, golang.Bare))
	} else if stage != golang.Bare {
		args = append(args, "--build-arg", "PRIMED="+s.madeGolang(made, golang.Primed))
	}
	// The gate's findings about the toolchain's own objects for other systems are of no use here. Packing and unpacking would
	// take longer than the disk does.
	args = append(args, "--platform", platforms, "--target", stage, "--verify=off", "-o", "type=registry,compression=uncompressed")
	s.mustRun(call{args: s.buildArgs(append(args, "-t", repo+":"+tag, "-f", made.Dockerfile, made.Dir)...), patience: 10 * time.Minute})
	return repo + ":" + tag
}
