// Package layout writes finished images as files and streams, and reads them again.
//
// # Two forms
//
// [WriteOCI] and [StageOCIDir] write an OCI image layout
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md), as a tar stream or as a folder. Its index.json
// names the image's root, an index or a manifest, once for each name. The image's own bytes are kept, attestations included, so
// that the digests are those of the registry.
//
// [WriteDocker] writes the format of `docker save`: the same, and a manifest.json for engines that read nothing else. It supports
// images of one platform only.
//
// # Blobs
//
// Blobs come through oras-go's content.Fetcher and go straight to their destination: there is no copy in between. They are
// checked against their digests on the way; a wrong blob ends the writing with an error. The same image gives the same bytes: the
// order is that of the image, and there are no times.
//
// # Reading
//
// [Open] opens an archive or a folder, written by this package or by others.
package layout
