// Command docker-multiarch is a plugin of the Docker CLI, "docker multiarch", that builds and pushes multi-platform images. The
// same binary can be called directly.
//
// This package is words in, words out: flags, output, hints and exit statuses, one file a command. What a build does is package
// internal/build; the world of a command (its streams, its environment, the way to an engine) is a [world].
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	"github.com/sirupsen/logrus"
)

func main() {
	os.Exit(run())
}

func run() int {
	listening := endOnSignal()
	logrus.SetOutput(io.Discard) // the libraries' logs are not meant for our users
	log.SetOutput(io.Discard)
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	w := dockerWorld(dockerCLI, os.Stderr, version)
	w.listening = listening
	if plugin.RunningStandalone() {
		err = standalone(dockerCLI, newRoot(w, "docker-multiarch")).Execute()
	} else {
		err = plugin.RunPlugin(dockerCLI, newRoot(w, "multiarch"), metadata.Metadata{
			SchemaVersion: "0.1.0",
			Vendor:        "docker multiarch",
			Version:       version,
			URL:           "https://github.com/docker-multiarch/docker-multiarch",
		})
	}
	return explain(w.err, w.answered("docker multiarch", err))
}
