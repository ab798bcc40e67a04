// Package document reads the JSON documents of images: indexes, manifests and configurations. It is the one place where their bytes
// become values, wherever they came from.
//
// Whoever wrote them is not trusted. A document that two programs could understand in two ways is refused: one that is both an index and
// a manifest (CVE-2021-41190), one whose own media type contradicts its kind, one with a field twice or in another spelling (Go's decoder takes "Layers"
// for "layers", others do not), and one with anything behind it. Numbers that no blob has are refused as well, and so is what is larger
// than the bounds below, before memory is taken for it.
//
// Nothing here compares a document with its digest, or looks at what it names.
package document
