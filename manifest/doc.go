// Package manifest makes OCI image indexes and Docker manifest lists, and talks to the registries that hold them.
//
// # Making an index
//
// [Index] is a pure function from the descriptors of finished images to the bytes of an index. The same children give the same
// bytes, in whatever order they come: images in the order of platform.Compare, then attestations in the order of their subjects.
// One [Family] of media types applies to the whole, so a Docker manifest list never names an OCI image.
//
// # Talking to registries
//
// [New] makes a [Client], to be made once and shared by goroutines. It finds the scheme of each registry, asks for credentials
// when a registry wants them (and again when it stops accepting them), keeps tokens, and repeats requests that a registry could
// not serve for the moment ([Retry]). It waits for a registry that shows its own writes late ([Options.Settle]).
//
//   - [Client.CheckPush] finds out before any work whether a push would be accepted.
//   - [Client.Child] reads an image that a builder has pushed by digest.
//   - [Client.Resolve] resolves a tag, and [Client.Source] reads its image with everything that belongs to it.
//   - [Client.Upload] copies an image from elsewhere to a repository, by digest.
//   - [Client.Publish] moves tags. It is the only function of the program that does. It does so after every child of the index
//     was seen in every repository, once per tag, and reads each tag back.
//
// # Errors
//
// A registry's refusal, or its failure to answer, is an [*Error]: errors.Is distinguishes [ErrUnreachable], [ErrUnauthorized] and
// [ErrDenied]. The error of a cancelled context is returned as itself. [Index] returns [*DuplicateError] and [*FamilyError].
//
// The package prints nothing and reads no environment; files are read from [Options.CertDirs] only.
package manifest
