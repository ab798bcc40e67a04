// Package graph reads a build's LLB definition as steps: which program runs for which platform, which sources are fetched, and
// which line of the Dockerfile asked for each. It is pure: it turns bytes into values, and solves nothing.
//
// A definition comes from a gateway callback that solved the Dockerfile without evaluating it, once for each platform:
//
//	res, err := c.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: opt})
//	ref, err := res.SingleRef()
//	st, err := ref.ToState()
//	def, err := st.Marshal(ctx)
//	g, err := graph.Read(def)
//
// The reference of an image FROM scratch without any step is nil. Its graph is that of no definition, a Graph without steps.
//
// # Steps and the progress of a solve
//
// A step's digest is that of its marshalled operation. It is also the digest of the vertex in the status that BuildKit streams
// (client.Vertex.Digest). So a step's progress is found by the digest, and two platforms that have a step with the same digest
// share its work. This is how solver/llbsolver/vertex.go of BuildKit v0.33.1 makes vertices. In four cases the digests differ:
//
//   - A source policy that changes a source changes its digest and the digests of all steps after it. BuildKit loads the vertices from the
//     changed operations, while the reference keeps the definition as the frontend wrote it. A rule that pins a base image's tag does not
//     have this effect: the Dockerfile frontend asks the policy when it resolves the name, and writes the pinned name into the definition.
//     A rule that pins a git or http source does.
//   - A step without cache, when the same step of another running build has its cache, is the vertex
//     digest.FromString(step's digest + "-ignorecache") (solver/jobs.go).
//   - A daemon with the proxy network on adds a suffix to the digested bytes of steps that use the network.
//   - A daemon may marshal an operation into other bytes than the frontend did, for example if it does not know the frontend's newest
//     fields.
//
// Vertices of the frontend itself (the load of the Dockerfile, the resolving of names, exports) are in the status and not in the
// graph. So a caller joins by digest, falls back to the name, and shows the rest as it comes.
package graph

import (
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Graph is a build for one platform. The caller of [Read] owns it. It shares no memory with the definition.
type Graph struct {
	// Steps has each step once, after all of its inputs. The order depends on the definition only. The last step makes the
	// result.
	Steps []Step
	// Texts has the source files of the steps by the name in their File: a Dockerfile as the frontend read it, wherever it came
	// from. A frontend may leave them out.
	Texts map[string]string
}

// Kind is the kind of a step's operation.
type Kind string

// These are the kinds of steps, after the operations of LLB.
const (
	Exec        Kind = "exec"   // runs a program: RUN
	Source      Kind = "source" // fetches an image, the context, a git repository or a URL
	File        Kind = "file"   // changes files without running a program: COPY, ADD, WORKDIR
	Merge       Kind = "merge"  // lays file systems over one another: COPY --link
	Diff        Kind = "diff"
	Build       Kind = "build" // evaluates a definition in a file: Dockerfiles do not make it; it may run anything
	Passthrough Kind = "passthrough"
	Other       Kind = "other" // an operation newer than this program
)

// Step is one operation. Fields that its kind does not have are zero.
type Step struct {
	Digest digest.Digest
	Kind   Kind
	// Name is the step's name in the progress: the frontend's own name for it, such as "[linux/arm64 build 2/4] RUN make", or a
	// description of the operation on one line.
	Name string
	// Platform is normalised. It is the platform that an Exec runs on and an image is fetched for. It may differ from the
	// graph's: a stage FROM --platform=$BUILDPLATFORM has the builder's. It is zero where BuildKit keeps none because the result
	// is the same for all: files, the context, git and http.
	Platform platform.Platform
	// Inputs has the digests of the steps that this one is made from, in the order of the operation, with repetitions.
	Inputs []digest.Digest

	// Root is the input whose file system the step goes on from, where the kind has one: the image or step before a RUN, a COPY
	// or a COPY --link. It is "" for a step that begins with nothing.
	Root digest.Digest
	// Layer identifies the layer that the step adds to the file system. Steps of several graphs with one Layer add the same layer, in
	// most cases: files that are copied onto different base images make the same one. See [Graph.Layers].
	Layer digest.Digest
	// InputPaths has the paths that the step takes from its inputs other than by going on from Root, in the order of the operation,
	// each once. Root may be among the inputs: RUN --mount=from= of the stage itself.
	InputPaths []InputPath

	Source string            // identifier with its scheme: docker-image://, local://, git://, https://, oci-layout://
	Attrs  map[string]string // of the source, see solver/pb/attr.go of BuildKit

	Args    []string
	Cwd     string
	Env     []string // KEY=value
	Mounts  []Mount  // besides the root file system, in the order of the operation
	Network pb.NetMode

	IgnoreCache bool // as with --no-cache

	// File and Line are the step's position, Line from 1. Both are zero if the frontend gave none, as for steps of its own
	// making.
	File string
	Line int
	// Places has all positions of the step, File and Line first. Two stages that begin with the same image, or the same RUN on
	// it, share the step.
	Places []Place
	// Stage is the name of the Dockerfile's stage. It is stage-N, from 0, for one without a name in a Dockerfile of several. For
	// a step that several stages share it is one of them.
	Stage string
}

// Place is a line, from 1, of a file that the frontend read.
type Place struct {
	File string
	Line int
}

// Mount is a mount of an Exec besides its root file system.
type Mount struct {
	Type string // bind, cache, secret, ssh or tmpfs, as in RUN --mount
	Dest string // a path; "" for a secret that is an environment variable
	// ID is the ID of the cache, secret or SSH agent. Steps on different platforms with the same cache ID see the same files.
	ID string
}

// InputPath is a path that a step takes from an input: COPY --from, RUN --mount.
type InputPath struct {
	Input digest.Digest
	// Path is cleaned and absolute; "/" is everything. It may have the wildcards of COPY.
	Path string
	// Dest is the path at which the step has it: a path like Path, or a directory if the files were put into it. It is "" if the
	// step only reads from Path, as for the owner of a file.
	Dest string
}
