// Package document reads the JSON documents of images: indexes, manifests and configurations. It is the one place where their
// bytes become values, wherever they came from.
//
// The documents are not trusted. A document that two programs could understand in two ways is refused: one that is both an index
// and a manifest (CVE-2021-41190), one whose own media type contradicts its kind, one with a duplicate field or a field in
// another spelling (Go's decoder takes "Layers" for "layers", others do not), and one with trailing data. Sizes that no blob has
// are refused as well, and so is anything larger than the bounds below, before memory is allocated for it.
//
// The package does not compare a document with its digest, and does not read the blobs that it names.
package document
