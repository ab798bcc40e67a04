// Package solve is the way of a build: from a [Request] to tags that point at a finished index.
//
// Values stand in a row. A Request says what is wanted. Each platform is assigned to a node, and one solve is started there; inside its gateway
// call the Dockerfile is solved lazily, which gives the graph of what would run, and nothing of the build context has been sent
// yet. When every platform's graph is read, all is decided once for all of them ([plan.Plan]): base images, git refs and downloads
// are pinned to one state of the world, nodes are asked what they can run, missing emulators are installed, and the preflight of
// the registries has answered. Then every solve goes on in that very call, and exports its image by digest. The children are
// stitched into one index, and only then the tags move, in package manifest.
//
// Until that last step every failure leaves every tag where it was. A platform that fails does not stop the others.
//
// # Sessions
//
// BuildKit finds the target of an export by its position in one solve, so a session shared by several solves would mix their
// files. Each solve therefore has a session of its own for what belongs to its platform (credentials, secrets, ssh agents), and
// one more session serves the build context and the Dockerfiles to all of them on a node (local-sessionid:), so that identical requests
// are read and sent once and all platforms see one snapshot. A Dockerfile of a single platform is in that session, too: each
// distinct folder has a name there, and a platform's frontend is told which is its own.
package solve
