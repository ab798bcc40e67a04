package layers_test

import (
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layerstest"
)

type (
	entry = layerstest.Entry
	store = layerstest.Store
)

var (
	file, dir, link, hardlink = layerstest.File, layerstest.Dir, layerstest.Link, layerstest.Hardlink
	mode, script              = layerstest.Mode, layerstest.Script
	layerOf, gzipped          = layerstest.Tar, layerstest.Gzip
	newStore                  = layerstest.NewStore
)

func program(arch string) []byte { return exetest.Program(arch, "") }
