// Command docker-multiarch is a plugin of the Docker CLI, "docker multiarch", that builds and pushes multi-platform images. The same
// binary can be called directly.
//
// This package has the process and the root of the commands. The commands and what they share are in internal/cli and the packages below it.
package main

import (
	"io"
	"log"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/sirupsen/logrus"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/builder/dockerengine"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/builder/remote"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/connect"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/plugin"
)

func main() {
	os.Exit(run())
}

func run() int {
	if plugin.Asked() {
		return explain.Error(os.Stderr, plugin.Answer(os.Stdout, about()))
	}
	listening := endOnSignal()
	logrus.SetOutput(io.Discard) // the libraries' logs are not meant for the user
	log.SetOutput(io.Discard)
	docker := dockercli.New(os.Stderr)
	w := connect.Env(docker, os.Stderr, version)
	w.Listening = listening
	w.Drivers = drivers(w)
	var err error
	if plugin.Standalone() {
		err = plugin.Alone(docker, newRoot(w, "docker-multiarch")).Execute()
	} else {
		err = plugin.Run(docker, newRoot(w, "multiarch"), os.Args[1:])
	}
	return explain.Error(w.Err, w.Answered("docker multiarch", err))
}

// about is what the Docker CLI knows of its plugin.
func about() metadata.Metadata {
	return metadata.Metadata{
		SchemaVersion: "0.1.0", Vendor: "docker multiarch", Version: version, ShortDescription: short,
		URL: "https://github.com/docker-multiarch/docker-multiarch",
	}
}

// drivers returns the drivers of builders by name.
func drivers(w *cli.Env) map[string]builder.Driver {
	onEngines := container.Driver{Engine: w.EngineAt, Memory: func() string { return w.Cached("handlers") }}
	return map[string]builder.Driver{
		container.DriverName:     onEngines,
		container.PeerDriverName: container.PeerDriver{Driver: onEngines},
		dockerengine.DriverName:  dockerengine.Driver{Engine: w.EngineAt},
		kubernetes.DriverName:    kubernetes.Driver{Memory: func() string { return w.Cached("pods") }},
		remote.DriverName:        remote.Driver{},
	}
}
