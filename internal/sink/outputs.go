package sink

import (
	"fmt"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
)

// Outputs say what becomes of a result besides the registry's tags. The zero value keeps nothing.
//
// All images of a build are made once, with the attributes of Attrs: what is pushed, loaded and archived is the same, byte for byte.
type Outputs struct {
	// Load puts the images into the engine's store; nil does not.
	Load *Load
	// Archives are files and folders with the images.
	Archives []Archive
	// Files are the root file systems, as files.
	Files []Files
	// Image makes the images although nothing takes them: they stay with the builder.
	Image bool
	// Attrs are attributes of BuildKit's image exporters ("compression", "rewrite-timestamp", …), passed on as they are.
	Attrs map[string]string
}

// Load is the engine's image store as an output.
type Load struct {
	// Names that the engine knows the images by. None: by their digests only.
	Names     []reference.NamedTagged
	Selection load.Selection
}

// Archive is a file, a folder or standard output with all images.
type Archive struct {
	// Docker is the format of docker save; otherwise an OCI layout.
	Docker bool
	// Dest is a path, or "-" for standard output. Folder writes an OCI layout as a folder instead of a tar archive.
	Dest   string
	Folder bool
	Names  []reference.NamedTagged
}

// Files are root file systems: a folder, a tar archive, or standard output.
type Files struct {
	// Tar makes an archive; otherwise Dest is a folder, and keeps what is in it already.
	Tar bool
	// Dest is a path, or "-" for standard output.
	Dest string
	// Delete empties the folder first.
	Delete bool
	// Split gives each platform a folder of its own ("linux_arm64"). nil does so where there are several, as docker buildx.
	Split *bool
	// Attrs are attributes of BuildKit's exporters, passed on as they are.
	Attrs map[string]string
}

// OutputError says that an archive or a folder could not be written. What was in its place is there still.
type OutputError struct {
	Dest string // as it was given
	Err  error
}

func (e *OutputError) Error() string { return fmt.Sprintf("write %q: %v", e.Dest, e.Err) }
func (e *OutputError) Unwrap() error { return e.Err }

// split tells whether each of n platforms has a folder of its own.
func (f Files) split(n int) bool {
	if f.Split != nil {
		return *f.Split
	}
	return n > 1
}
