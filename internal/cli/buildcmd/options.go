package buildcmd

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
)

// buildOptions are the flags as the user wrote them, not parsed.
type buildOptions struct {
	contextPath string
	inputFlags
	imageFlags
	workFlags
	answerFlags
}

// inputFlags are the flags about what the build reads.
type inputFlags struct {
	addHosts, buildArgs, buildContexts, secrets, ssh []string
	dockerfiles, targets                             []string // for all platforms, or for single platforms
	localBases, allowMismatch                        []string
	network                                          string
	noCache, pull                                    bool
}

// imageFlags are the flags about the image and its destinations.
type imageFlags struct {
	platforms, tags, labels, allowEnv []string
	index                             bool
	mediaTypes                        string
	output                            destination.Flags
	tests                             buildflags.TestOptions
	gate                              cli.GateOptions
	accepted                          buildflags.AcceptedOptions
}

// workFlags are the flags about how the build runs.
type workFlags struct {
	jobs      int
	emulators string
	fallback  string
	cross     []string
	builder   cli.BuilderOptions
	cache     buildflags.CacheOptions
	partial   buildflags.PartialOptions
	pushRetry cli.PushRetry
	steps     buildflags.StepOptions
}

// answerFlags are the flags about reports of the build, and about questions instead of a build.
type answerFlags struct {
	iidFile, metadataFile, report string
	quiet, debug                  bool
	progress                      display.Flags
	call                          question.Flags
	dryRun                        bool
	format                        string // of a plan
}

// files returns the files that describe a build, such as reports and metadata.
func (o buildOptions) files() (files []cli.FlagFile) {
	for _, f := range []cli.FlagFile{{Flag: "--iidfile", Name: o.iidFile}, {Flag: "--metadata-file", Name: o.metadataFile}, {Flag: "--report", Name: o.report}} {
		if f.Name != "" && f != (cli.FlagFile{Flag: "--report", Name: "-"}) {
			files = append(files, f)
		}
	}
	return files
}
