// Package manifest makes OCI image indexes and Docker manifest lists, and talks to the registries that hold them.
//
// # Making an index
//
// [Index] is a pure function from the descriptors of finished images to the bytes of an index. The same children give the
// same bytes, in whatever order they come: images in the order of platform.Compare, then attestations in the order of their
// subjects. One [Family] of media types holds throughout, so a Docker manifest list never names an OCI image.
//
// # Talking to registries
//
// [New] makes a [Client], to be made once and shared by goroutines. It finds the scheme of each registry, asks for
// credentials when a registry wants them (and again when it stops accepting them), keeps tokens, and repeats what a
// registry could not do just now ([Retry]). A registry that reads its own writes late is waited for ([Options.Settle]).
//
//   - [Client.CheckPush] finds out before any work whether a push would be taken.
//   - [Client.Child] reads an image that a builder has pushed by digest.
//   - [Client.Resolve] says what a tag names, and [Client.Source] reads it, with all that belongs to it.
//   - [Client.Upload] brings an image from elsewhere to a repository, by digest.
//   - [Client.Publish] moves tags. It is the only function of the program that does, and it does so after every child of
//     the index was seen in every repository, once per tag, and reads each tag back.
//
// # Errors
//
// What a registry refused or did not answer is an [*Error]: errors.Is tells [ErrUnreachable], [ErrUnauthorized] and
// [ErrDenied] apart. A cancelled context comes back as itself. [Index] returns [*DuplicateError] and [*FamilyError].
//
// The package prints nothing and reads no environment; files are read from [Options.CertDirs] only.
package manifest
