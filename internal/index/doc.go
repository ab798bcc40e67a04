// Package index assembles images into one index and tags it in registries, for builds, for merges and for drafts.
//
// The steps are the same for all: [Assemble] makes an index of images, each a [Part] with its attestations and the stores of its content.
// [Index.Upload] uploads the index into a repository by its digest, and [Index.Publish] moves its tags last. A [Child] is an image that a
// build's solve exported.
package index
