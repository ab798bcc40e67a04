// Package merge joins images into one index and gives it its tags: images that registries have, and images in archives.
//
// # The way
//
// [Parse] takes the user's words for what they are, without asking a registry: a file of metadata, an archive, a name. [Read] reads
// what they name. [Merge] joins that, checks it, brings to each repository what it lacks, and moves the tags by
// manifest.Client.Publish, when everything is there.
//
// # Adding to a tag
//
// Registries cannot write a tag on the condition that it still names what was read. [Request.Onto] looks once more just before
// it writes, and after it; what another writer has put there is merged in, and written again. Between the last look and the
// write a change can be lost that nobody sees, unless the other one looks, too: so the look after the write waits for longer
// than such a gap is.
//
// # Conversion
//
// An index has one family of media types. Images of the other family are converted: their manifests are written anew with the
// same layers and configurations, and have other digests. So what was said about them by digest, their attestations, is left out.
package merge
