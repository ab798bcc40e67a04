// Package solve runs a build: from a [Request] to tags that point at a finished index.
//
// A Request says what is to be built. The package assigns each platform to a node and starts one solve there. Inside the solve's gateway
// call the Dockerfile is read lazily, for all platforms of a node in one run of the frontend, which gives the graphs of the steps that would
// run; none of the build context's files has been sent yet. When every platform's graph is read, a barrier decides once for all of them
// ([plan.Plan]): it pins base images, git refs and downloads, asks the nodes which platforms they run, installs missing emulators, and waits
// for the preflight of the registries. Then every solve continues in the same gateway call, and exports its image by digest. The client
// assembles the images into one index, and moves the tags last, in package manifest.
//
// Until that last step every failure leaves every tag as it was. A platform that fails does not stop the others.
//
// # Sessions
//
// BuildKit identifies the target of an export by its position in one solve, so a session shared by several solves would mix up their files.
// Each solve therefore has its own session for what belongs to its platform (credentials, secrets, ssh agents). One more session for each
// node serves the build context and the Dockerfiles to all solves there (local-sessionid:), so that identical requests are read and sent
// once and all platforms see one snapshot. That session also serves Dockerfiles of single platforms: each distinct folder has a name, and
// each platform's frontend gets the name of its own. Requests that are the same on several nodes share one walk over the directory.
package solve
