package buildcmd

import (
	"fmt"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
)

// checkNames refuses reserved names of a build: for loaded images, and for all names from a project file.
func (j *job) checkNames(from string) error {
	var names []reference.NamedTagged
	if l := j.request.Outputs.Load(); l != nil {
		names = l.Names
	}
	if from == project.Name {
		names = j.names
	}
	options, err := container.ParseOptions(j.builder.DriverOpts...)
	if err != nil {
		return fmt.Errorf("--driver-opt: %w", err)
	}
	images := append(cli.NonEmpty(j.builder.Image), cli.NonEmpty(options["image"])...)
	return cli.CheckReserved(names, from, images...)
}
