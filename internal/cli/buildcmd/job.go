package buildcmd

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/progress"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// projectNames are the names of a push that come from the project file.
type projectNames struct {
	names []reference.NamedTagged
	line  int // of image in the file, from 1
}

func (p projectNames) has(name string) bool {
	for _, n := range p.names {
		if n.String() == name || n.Name() == name {
			return true
		}
	}
	return false
}

func (p projectNames) refused(name string) error {
	return &cli.Usage{
		Err: fmt.Errorf("%s:%d: %q is in a registry on loopback: a builder reaches it only on the host's network,"+
			" and a project file cannot choose that network", project.Name, p.line, name),
		Hint: fmt.Sprintf("to allow it, use -t %s or %s", name, cli.HostNetworkFlag),
	}
}

// job is the parsed command line of a build.
type job struct {
	request solve.Request
	names   []reference.NamedTagged // of the result in every destination
	// insecure are registries that an output declares insecure.
	insecure   []string
	pushRetry  cli.PushRetry
	builder    cli.BuilderOptions
	project    projectNames // that are pushed
	display    progress.Mode
	call       *question.Call      // a question to the frontend instead of a build
	localBases []string            // in the frontend's form
	origin     *results.Provenance // for the metadata of a build whose result will be merged
	notes      []diag.Diagnostic   // to be shown before the build
	release    func()              // removes spooled input
}

// title returns the title of the progress display.
func (j job) title() string {
	names := platform.FormatAll(j.request.Platforms)
	switch {
	case len(names) == 0:
		return "building for the builder's own platform"
	case len(names) > 3:
		return fmt.Sprintf("building for %d platforms", len(names))
	}
	return "building for " + strings.Join(names, ", ")
}

// shown returns the options of the display for this job.
func (j job) shown(o buildOptions) display.Options {
	return display.Options{Mode: j.display, Title: j.title(), Platforms: j.request.Platforms, LogDir: o.progress.LogDir}
}
