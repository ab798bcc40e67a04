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

	addHosts, buildArgs, buildContexts, labels, platforms, secrets, ssh, tags []string
	dockerfiles, targets                                                      []string // for all platforms, or for single ones
	localBases, allowMismatch, allowEnv, cross                                []string

	network               string
	iidFile, metadataFile string
	report                string
	noCache, pull, quiet  bool
	output                destination.Flags
	progress              display.Flags
	steps                 buildflags.StepOptions
	accepted              buildflags.AcceptedOptions
	call                  question.Flags
	debug                 bool
	dryRun                bool
	format                string // of a plan

	index      bool
	jobs       int
	mediaTypes string
	emulators  string
	builder    cli.BuilderOptions
	cache      buildflags.CacheOptions
	partial    buildflags.PartialOptions
	gate       cli.GateOptions
	tests      buildflags.TestOptions
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
