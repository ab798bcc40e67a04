// Package tree reads an image from whoever has it: an index, its images, their configurations and attestations.
//
// [Read] wants everything to be there and whole. [Examine] says what is not, and gives the rest. Neither looks at layers.
//
// An entry of an index is an image if its manifest has an image's configuration and layers that are no statements; it is an
// attestation if it is marked as one and is about an image of the index; and it is something else otherwise: a Helm chart, a
// signature, an attestation about nothing that is there. Indexes in indexes are flattened. A single manifest is a tree of one image.
//
// What is read is checked against its digest and size.
package tree
