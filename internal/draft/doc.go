// Package draft keeps manifest lists that are made by hand: from `manifest create` until they are removed, one readable JSON file a
// list.
//
// A draft holds digests, and what each image's name named when it was looked up. It holds no manifests: what it shows and what it
// pushes is read from the registry by digest. So it says by itself when a name means something else by now ([ChangedError]), and
// nothing that is only on this machine is ever published.
//
// # The store
//
// A [Store] is a directory. Files are replaced as a whole, by rename, so a reader sees one state or the other; what reads, changes and
// writes does so under one lock of the directory, for the time of that only: nothing is asked of a registry meanwhile. A file that
// cannot be read is put aside under a name with ".corrupt" ([CorruptError]), and never written over.
//
// # From words to an index
//
// [Look] reads names into images. [Store.Create] joins them with what is there, [Annotate] sets platforms. [Store.Prepare] checks a
// draft against the registries and makes the index, [Send] copies what is missing in the list's repository and moves the tag, and
// [Store.Done] marks or removes the draft.
package draft
