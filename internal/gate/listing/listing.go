// Package listing lists the files of an image's layer from its tar stream: their names, kinds and permissions, and what the first bytes of
// executables and scripts say (package exe). It is small, since the program that lists layers on a node has it (package nodehelper).
package listing

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// Type is the type of a layer's entry. It is one byte, since a layer may have very many entries.
type Type uint8

// These are the types. Devices, pipes and sockets are Other.
const (
	File Type = iota + 1
	Dir
	Symlink
	Hardlink
	Other
)

// An Entry is one path of a layer. Paths have no leading slash. They are clean and stay within the image.
type Entry struct {
	Path string    `json:"path"`
	Type Type      `json:"type"`
	Mode uint16    `json:"mode"`           // permissions, with setuid 04000, setgid 02000 and sticky 01000
	Link string    `json:"link,omitempty"` // the target of a symlink unchanged, that of a hard link as a Path
	Exe  *exe.File `json:"exe,omitempty"`  // of an executable or a script; shared by equal ones and read-only
	Body *Body     `json:"body,omitempty"` // of a file of which more than that was kept; read-only
}

// A Body is the part of a file that is needed if the image starts it: its libraries, or its script.
type Body struct {
	Dynamic *exe.Dynamic `json:"dynamic,omitempty"` // of an ELF file with a dynamic section; nil if unknown
	Script  string       `json:"script,omitempty"`  // the text of a shell's script; "" if it is too long
}

func (b *Body) size() int {
	if b == nil {
		return 0
	}
	n := bodyCost + len(b.Script)
	if d := b.Dynamic; d != nil {
		n += len(d.Soname) + len(d.RPath) + len(d.RunPath)
		for _, name := range d.Needed {
			n += len(name) + neededCost
		}
	}
	return n
}

// These bound the cost of a path. Linux has the same bounds.
const (
	MaxPath  = 4096
	MaxDepth = 256
)

// A Listing has the entries of one layer. It is read-only once it is made.
type Listing struct {
	Entries []Entry  `json:"entries"`          // by path, each once: the last one in the layer wins
	Hidden  []string `json:"hidden,omitempty"` // by whiteouts: paths of lower layers, sorted
	Opaque  []string `json:"opaque,omitempty"` // folders whose content in lower layers is hidden, sorted
	// Cut means that the layer has more entries than a listing holds. A path that is missing may be in the part that was cut off.
	Cut bool `json:"cut,omitempty"`
}

// Cost estimates the listing's memory in bytes, in the unit of [MaxCost].
func (l *Listing) Cost() int {
	n := (len(l.Entries) + len(l.Hidden) + len(l.Opaque)) * entryCost
	for _, e := range l.Entries {
		n += len(e.Path) + len(e.Link) + e.Body.size()
	}
	return n
}

// Find returns the entry at a path.
func (l *Listing) Find(path string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(l.Entries, path, func(e Entry, p string) int { return strings.Compare(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return l.Entries[i], true
}

// Implies reports whether something is below a path.
func (l *Listing) Implies(dir string) bool {
	i, _ := slices.BinarySearchFunc(l.Entries, dir+"/", func(e Entry, p string) int { return strings.Compare(e.Path, p) })
	return i < len(l.Entries) && strings.HasPrefix(l.Entries[i].Path, dir+"/")
}

// Hides reports whether the layer hides the content of lower layers at a path: by an entry above it that is not a folder, by a
// whiteout of it or of a folder above it, or by an opaque folder above it. The caller first checks the layer's own content.
func (l *Listing) Hides(path string) bool {
	if contains(l.Hidden, path) {
		return true
	}
	for above := Parent(path); ; above = Parent(above) {
		if contains(l.Opaque, above) || contains(l.Hidden, above) {
			return true
		}
		if above == "" {
			return false
		}
		if e, ok := l.Find(above); ok && e.Type != Dir {
			return true
		}
	}
}

func contains(sorted []string, s string) bool {
	if len(sorted) == 0 {
		return false
	}
	_, ok := slices.BinarySearch(sorted, s)
	return ok
}

// Parent returns the folder of a path. "" is the root.
func Parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '/'))]
}
