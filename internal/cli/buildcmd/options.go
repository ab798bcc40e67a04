package buildcmd

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
)

// buildOptions are the user's words; nothing is parsed yet.
type buildOptions struct {
	contextPath string
	inputWords
	imageWords
	workWords
	answerWords
}

// inputWords are about what the build reads.
type inputWords struct {
	addHosts, buildArgs, buildContexts, secrets, ssh []string
	dockerfiles, targets                             []string // for all platforms, or for single ones
	localBases, allowMismatch                        []string
	network                                          string
	noCache, pull                                    bool
}

// imageWords are about what the build makes, and where that goes.
type imageWords struct {
	platforms, tags, labels, allowEnv []string
	index                             bool
	mediaTypes                        string
	output                            destination.Flags
	tests                             buildflags.TestOptions
	gate                              cli.GateOptions
	accepted                          buildflags.AcceptedOptions
}

// workWords are about how the build is done.
type workWords struct {
	jobs      int
	emulators string
	cross     []string
	builder   cli.BuilderOptions
	cache     buildflags.CacheOptions
	partial   buildflags.PartialOptions
	steps     buildflags.StepOptions
}

// answerWords are about what is told of the build, and what is asked instead of it.
type answerWords struct {
	iidFile, metadataFile, report string
	quiet, debug                  bool
	progress                      display.Flags
	call                          question.Flags
	dryRun                        bool
	format                        string // of a plan
}

// files are those that tell of a build.
func (o buildOptions) files() (files []cli.FlagFile) {
	for _, f := range []cli.FlagFile{{Flag: "--iidfile", Name: o.iidFile}, {Flag: "--metadata-file", Name: o.metadataFile}, {Flag: "--report", Name: o.report}} {
		if f.Name != "" && f != (cli.FlagFile{Flag: "--report", Name: "-"}) {
			files = append(files, f)
		}
	}
	return files
}
