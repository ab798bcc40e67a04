// Package tree reads an image from any store: an index, its images, their configurations and attestations.
//
// [Read] requires every document to exist and be intact. [Examine] returns the missing ones as problems, and the rest. Neither
// reads layers.
//
// An entry of an index is an image if its manifest has an image's configuration and layers other than attestation statements. It
// is an attestation if it is marked as one and refers to an image of the index. Every other entry is something else: a Helm
// chart, a signature, an attestation about a missing image. Indexes in indexes are flattened. A single manifest is a tree of one
// image.
//
// Every document is checked against its digest and size.
package tree
