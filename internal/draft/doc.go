// Package draft keeps manifest lists that are made by hand, from `manifest create` until they are removed. Each list is one
// readable JSON file.
//
// A draft holds digests, and the digest of each image's name at the time of the lookup. It holds no manifests. Manifests to show
// and to push are read from the registry by digest. So a name whose digest has changed is detected ([ChangedError]), and content
// that is only on this machine is never published.
//
// # The store
//
// A [Store] is a directory. Files are replaced as a whole, by rename, so a reader sees one state or the other. A
// read-modify-write holds the directory's lock, and sends no request to a registry meanwhile. A file that cannot be read is
// renamed to a name with ".corrupt" ([CorruptError]), and never overwritten.
//
// # From names to an index
//
// [Look] reads names into images. [Store.Create] adds them to a draft, and [Store.Annotate] sets platforms. [Store.Prepare] checks a
// draft against the registries and makes the index, [Send] copies the images that the list's repository does not have and moves
// the tag, and [Store.Done] marks or removes the draft.
package draft
