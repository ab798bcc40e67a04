// Package index makes one index of images and gives it its names in registries, for builds, for merges and for drafts.
//
// The way is the same for all: images, each with what attests it and with who has its bytes ([Part]), are put together ([Assemble]); the
// index is brought into a repository by its digest ([Index.Upload]), and at last its tags are moved ([Index.Publish]). What a build's solve
// exported is a [Child].
package index
