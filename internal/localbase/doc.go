// Package localbase copies an image from an engine's own store, for a builder that cannot read that store: the engine's stream
// becomes an OCI image layout on disk, whatever its form is ([Read]).
//
// Everything that the image's digests cover is kept, as far as the engine has kept it. A containerd store has the very bytes of
// the registry, with all platforms that the engine has. The classic store has kept the configuration and the layers, without their
// compression, so the manifest is new; the configuration's digest (the image's ID) is the same.
package localbase
