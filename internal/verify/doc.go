// Package verify finds out whether an image is what its index says: every manifest, configuration and layer is there, descriptors
// agree with what they describe, no platform is doubled, and those that are expected are there and no others.
//
// [Run] looks at everything and gives all findings at once, in the order of the index's platforms. Layers are read once, for their
// executables ([Executables]); those that need not be are asked for. That a [Source] could not be asked is an error and no finding.
package verify
