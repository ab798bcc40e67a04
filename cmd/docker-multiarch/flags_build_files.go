package main

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// files are those that tell of a build.
func (o buildOptions) files() (files []cli.FlagFile) {
	for _, f := range []cli.FlagFile{{Flag: "--iidfile", Name: o.iidFile}, {Flag: "--metadata-file", Name: o.metadataFile}, {Flag: "--report", Name: o.report}} {
		if f.Name != "" && f != (cli.FlagFile{Flag: "--report", Name: "-"}) {
			files = append(files, f)
		}
	}
	return files
}
