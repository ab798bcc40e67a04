// Package container keeps BuildKit nodes: privileged containers that run
// buildkitd on a Docker Engine, and connections to them.
//
// # Where the state is
//
// Everything that is known about a builder is on its engine: the container, its
// labels (all under "com.docker-multiarch."), the files in it and its volume.
// There is no file on the client, so nothing gets out of step when two people,
// two homes or a CI job use one engine, and a builder that was removed by hand
// is simply made again. The user's buildx state is neither read nor written.
//
// # The loop
//
// [Driver.Connect] observes what is on the engine, decides on one step, takes it, and
// observes again, until what is there satisfies what is wanted. Deciding is pure
// (decide.go) and says its reasons. Others may do the same at the same time:
// a container is prepared in full under a name of its own and then renamed, so
// whoever loses the race for the name throws its own away and uses the winner's.
// A container under a builder's name is therefore always complete, and starting
// it is always right.
//
// # What satisfies
//
// A [Spec] says what this caller wants; what it leaves unsaid is satisfied by
// whatever is there, and is inherited when a container has to be replaced. So
// a plain `build` does not undo what an earlier one asked for with
// --driver-opt or --builder-config. What is said must be there: if it is not,
// the container is replaced on the same volume, never while a build runs in it.
//
// The host's network is not among what is inherited: a build that does not ask
// for it runs without. So a builder is up to two containers (side.go), each on a
// volume of its own, and builds of the one kind do not wait for the other.
//
// # Reaching BuildKit
//
// [Node.Client] speaks to buildkitd through `buildctl dial-stdio`, executed in
// the container, so it works wherever the engine is. That is dialled while the
// engine is looked at, so a healthy builder costs the time of the slower of the two.
package container

import (
	"time"
)

const (
	// DriverName is what users call this driver.
	DriverName = "docker-container"

	// DefaultImage is the image of a builder that nobody chose an image for:
	// the one that the peer uses, so it is often on the engine already.
	DefaultImage = "moby/buildkit:buildx-stable-1"

	// DefaultBusyWait is how long a builder that must be replaced is waited for
	// while builds run in it.
	DefaultBusyWait = 5 * time.Minute

	// DefaultStartWait is how long a started buildkitd may take to answer. It
	// is generous: a large cache on a slow disk takes its time to open.
	DefaultStartWait = 60 * time.Second
)

const (
	stateDir    = "/var/lib/buildkit"
	hostNetwork = "host"

	// nodeIndex is the place of the only node that a builder has so far.
	nodeIndex = 0

	labelPrefix   = "com.docker-multiarch."
	labelBuilder  = labelPrefix + "builder"  // name of the builder
	labelNode     = labelPrefix + "node"     // index of the node in the builder
	labelDriver   = labelPrefix + "driver"   // how the node runs: DriverName
	labelSettings = labelPrefix + "settings" // JSON of type settings
	labelImage    = labelPrefix + "image"    // image as wanted
	labelImageID  = labelPrefix + "image-id" // image as found, so that it is examined once
	labelVersion  = labelPrefix + "buildkit" // BuildKit's version
	labelBridge   = labelPrefix + "bridge"   // "true": the image has BuildKit's CNI plugins; "failed": which do not work here
	labelTool     = labelPrefix + "version"  // version of the program that made it
	labelPart     = labelPrefix + "part"     // on a container that is not a node: what it is for

	partExamining = "examining" // a container that tells an image's BuildKit version
	partRemoving  = "removing"  // a container that removes what a builder left on its host
)

func volumeName(container string) string { return container + "-state" }
