package main

import "github.com/docker-multiarch/docker-multiarch/internal/cli"

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
	output                outputOptions
	progress              progressOptions
	steps                 stepOptions
	accepted              acceptedOptions
	call                  callOptions
	debug                 bool
	dryRun                bool
	format                string // of a plan

	index      bool
	jobs       int
	mediaTypes string
	emulators  string
	builder    cli.BuilderOptions
	cache      cacheOptions
	partial    partialOptions
	gate       cli.GateOptions
	tests      testOptions
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
