// Package merge joins images from registries and archives into one index, and tags it.
//
// # How images are merged
//
// [Parse] recognises each of the user's words without asking a registry: a metadata file, an archive, or a name. [Read] reads the
// images. [Merge] joins and checks them, copies missing content to each repository, and then moves the tags with
// manifest.Client.Publish.
//
// # Adding to a tag
//
// A registry cannot write a tag on the condition that it still has a given digest. With [Request.Onto], Merge checks the tag just
// before the write, and again after it. If another writer has changed the tag, Merge merges the change and writes again. A change
// between the last check and the write can be lost unless the other writer checks too. So the check after the write waits longer
// than this gap.
//
// # Conversion
//
// An index has one family of media types. Images of the other family are converted: their manifests are rewritten with the same
// layers and configurations, and get other digests. Their attestations refer to the old digests, so they are left out.
package merge
