// Package verify checks that an image is what its index says: every manifest, configuration and layer exists, descriptors agree
// with their content, no platform is listed twice, and the platforms are exactly the expected ones.
//
// [Run] checks everything and returns all findings at once, in the order of the index's platforms. Layers are read once, for
// their executables ([Executables]). A layer that need not be read is only checked for existence. A failure to ask a [Source] is
// an error, not a finding.
package verify
