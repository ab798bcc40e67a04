// Package container manages BuildKit nodes: privileged containers that run buildkitd on a Docker
// Engine, and connections to them.
//
// # Where the state is
//
// All state of a node is on its engine: the container, its labels (all under
// "com.docker-multiarch."), the files in it and its volume. So no state diverges when two people, two homes
// or a CI job use one engine, and a node that was removed by hand is created again. A file on the client
// (package store) only lists the nodes of builders that have several, or whose engine is not that of the
// current context.
//
// # The loop
//
// [Driver.Connect] observes the engine, decides on one step, takes it, and observes again, until the observed
// state satisfies the settings. Deciding is pure (decide.go) and gives its reasons. Other clients may
// do the same at the same time: a container is prepared in full under a temporary name and then
// renamed, so the loser of the race for the name removes its own container and uses the winner's. A
// container under a builder's name is therefore always complete, and it is always correct to start it.
//
// # What satisfies
//
// A [Spec] has the caller's settings. A setting that is not given is satisfied by any value, and is
// inherited when a container has to be replaced. So a plain `build` does not undo the --driver-opt or
// --builder-config of an earlier one. A setting that is given must be in effect: if it is not, the
// container is replaced on the same volume, never while a build runs in it.
//
// The host's network is not inherited: a build that does not ask for it runs without it. So a builder
// has up to two containers (side.go), each on a volume of its own, and builds of one kind do not wait
// for the other.
//
// # Reaching BuildKit
//
// [Node.Client] connects to buildkitd through `buildctl dial-stdio`, executed in the container, so it
// works wherever the engine is. The driver dials while it observes, so that a healthy builder costs the
// time of the slower of the two.
package container

import (
	"time"
)

const (
	// DriverName is the driver's name for users.
	DriverName = "docker-container"

	// DefaultImage is the image of a builder whose user chose none. The peer (buildx) uses it too, so
	// the engine often has it already.
	DefaultImage = "moby/buildkit:buildx-stable-1"

	// DefaultBusyWait is how long to wait while builds run in a builder that must be replaced.
	DefaultBusyWait = 5 * time.Minute

	// DefaultStartWait is how long a started buildkitd may take to answer. It is generous: opening a
	// large cache on a slow disk takes time.
	DefaultStartWait = 60 * time.Second
)

const (
	stateDir    = "/var/lib/buildkit"
	hostNetwork = "host"

	labelPrefix   = "com.docker-multiarch."
	labelBuilder  = labelPrefix + "builder"  // name of the builder
	labelNode     = labelPrefix + "node"     // Index of the endpoint
	labelDriver   = labelPrefix + "driver"   // how the node runs: DriverName
	labelSettings = labelPrefix + "settings" // JSON of type settings
	labelImage    = labelPrefix + "image"    // requested image
	labelImageID  = labelPrefix + "image-id" // image that was found, so that it is examined once
	labelVersion  = labelPrefix + "buildkit" // BuildKit's version
	labelBridge   = labelPrefix + "bridge"   // "true": the image has BuildKit's CNI plugins; "failed": it has them, but they do not work here
	labelTool     = labelPrefix + "version"  // version of the program that made it
	labelPart     = labelPrefix + "part"     // on a container that is not a node: its purpose

	partExamining = "examining" // a container that reports an image's BuildKit version
	partRemoving  = "removing"  // a container that removes a builder's leftovers from its host
)

func volumeName(container string) string { return container + "-state" }
