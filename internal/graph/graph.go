// Package graph reads a build as BuildKit has it, a definition in LLB, as steps:
// what runs where, what is fetched from where, and which line of the Dockerfile
// asked for it. It is pure: bytes in, values out, nothing is solved.
//
// A definition comes from a gateway callback that solved the Dockerfile without
// evaluating it, once for each platform:
//
//	res, err := c.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: opt})
//	ref, err := res.SingleRef()
//	st, err := ref.ToState()
//	def, err := st.Marshal(ctx)
//	g, err := graph.Read(def)
//
// The reference of an image FROM scratch without any step is nil; its graph is that
// of no definition, a Graph without steps.
//
// # Steps and the progress of a solve
//
// A step's digest is that of its marshalled operation, which is also the digest
// of the vertex in the status that BuildKit streams (client.Vertex.Digest), so a
// step's progress is found by it and two platforms that have a step with the same
// digest share its work. This is how solver/llbsolver/vertex.go of BuildKit
// v0.33.1 makes vertices, with four exceptions, after which the digests differ:
//
//   - A source policy that changes a source changes its digest and the digests of
//     all steps after it: the vertices are loaded from the operations as changed,
//     while the reference keeps the definition as the frontend wrote it. A rule
//     that pins a base image's tag does not come to this, because the Dockerfile
//     frontend has asked the policy when it resolved the name, and has written
//     the pinned name into the definition. One that pins a git or http source does.
//   - A step without cache, when the same step of another build that is running
//     has its cache, is the vertex digest.FromString(step's digest + "-ignorecache")
//     (solver/jobs.go).
//   - A daemon with the proxy network on adds a suffix to what it digests for
//     steps that use the network.
//   - A daemon that marshals an operation into other bytes than the frontend did,
//     as when it does not know the frontend's newest fields.
//
// Vertices of the frontend itself (the load of the Dockerfile, the resolving of
// names, exports) are in the status and not in the graph. So a caller joins by
// digest, falls back to the name, and shows as it comes what has neither.
package graph

import (
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Graph is a build for one platform. Whoever read it owns it; it shares no memory
// with the definition.
type Graph struct {
	// Steps has each step after all of its inputs, and once. The order depends on
	// the definition only. The last step makes the result.
	Steps []Step
	// Texts are the source files that steps were written in, by the name that their File has: a Dockerfile as the frontend read it,
	// wherever it came from. A frontend may leave them out.
	Texts map[string]string
}

// Kind is what a step does.
type Kind string

// The kinds of steps, after the operations of LLB.
const (
	Exec        Kind = "exec"   // runs a program: RUN
	Source      Kind = "source" // fetches an image, the context, a git repository or a URL
	File        Kind = "file"   // changes files without running a program: COPY, ADD, WORKDIR
	Merge       Kind = "merge"  // lays file systems over one another: COPY --link
	Diff        Kind = "diff"
	Build       Kind = "build" // evaluates a definition in a file: not made by Dockerfiles, runs what it likes
	Passthrough Kind = "passthrough"
	Other       Kind = "other" // an operation newer than this program
)

// Step is one operation. Fields that its kind does not have are zero.
type Step struct {
	Digest digest.Digest
	Kind   Kind
	// Name is what progress calls the step: the frontend's own name for it, such as
	// "[linux/arm64 build 2/4] RUN make", or what the operation does, on one line.
	Name string
	// Platform is normalised. It is where an Exec runs and what an image is fetched
	// for, and not always the platform of the graph: a stage FROM
	// --platform=$BUILDPLATFORM has that one. It is zero where BuildKit keeps none
	// because the result is the same for all: files, the context, git and http.
	Platform platform.Platform
	// Inputs has the digests of the steps that this one is made from, in the
	// order of the operation, with repetitions.
	Inputs []digest.Digest

	// Root is the input whose file system the step goes on from, where the kind has one: the image or step before a RUN, a COPY or a
	// COPY --link. It is "" for one that begins with nothing.
	Root digest.Digest
	// Takes are the paths that the step takes from its inputs otherwise than by going on from Root, in the order of the operation, each
	// once. Root may be among them: RUN --mount=from= of the stage itself.
	Takes []Take

	Source string            // identifier with its scheme: docker-image://, local://, git://, https://, oci-layout://
	Attrs  map[string]string // of the source: solver/pb/attr.go of BuildKit says which

	Args    []string
	Cwd     string
	Env     []string // KEY=value
	Mounts  []Mount  // besides the root file system, in the order of the operation
	Network pb.NetMode

	IgnoreCache bool // as with --no-cache

	// File and Line tell where the step was written, Line from 1. Both are zero if
	// the frontend did not say, as for steps of its own making.
	File string
	Line int
	// Places are all places where it was written, File and Line first: two stages
	// that begin with the same image, or the same RUN on it, share the step.
	Places []Place
	// Stage is the name of the Dockerfile's stage; stage-N, from 0, for one
	// without a name in a Dockerfile of several. Of a step that several stages
	// share it is one of them.
	Stage string
}

// Place is a line, from 1, of a file that the frontend has read.
type Place struct {
	File string
	Line int
}

// Mount is what an Exec sees besides its root file system.
type Mount struct {
	Type string // bind, cache, secret, ssh or tmpfs, as in RUN --mount
	Dest string // a path; "" for a secret that is an environment variable
	// ID of the cache, secret or SSH agent. Steps on different platforms with the
	// same cache ID see the same files.
	ID string
}

// Take is a path that a step takes from an input: COPY --from, RUN --mount.
type Take struct {
	Input digest.Digest
	// Path is cleaned and absolute; "/" is everything. It may have the wildcards of COPY.
	Path string
	// Dest is where the step has it: a path as Path is, and a directory if what is taken was put into it. "" is a look only, as for the
	// owner of a file.
	Dest string
}
