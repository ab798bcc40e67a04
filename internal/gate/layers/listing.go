package layers

import (
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
)

// Type is what an entry of a layer is. It is small, since a layer may have very many entries.
type Type uint8

// The types. Devices, pipes and sockets are Other.
const (
	File Type = iota + 1
	Dir
	Symlink
	Hardlink
	Other
)

// An Entry is one path of a layer. Paths have no slash before them; they are clean and stay within the image.
type Entry struct {
	Path string    `json:"path"`
	Type Type      `json:"type"`
	Mode uint16    `json:"mode"`           // permissions, with setuid 04000, setgid 02000 and sticky 01000
	Link string    `json:"link,omitempty"` // of a symlink as it is, of a hard link as a Path
	Exe  *exe.File `json:"exe,omitempty"`  // of a file that is an executable or a script; shared by those that are alike, not to be written to
	Body *Body     `json:"body,omitempty"` // of a file of which more than that was kept; not to be written to
}

// A Body is what is kept of a file to know what it needs, or starts, once it is the image's to start.
type Body struct {
	Dynamic *exe.Dynamic `json:"dynamic,omitempty"` // of an ELF file with a dynamic section; nil where that is not known
	Script  string       `json:"script,omitempty"`  // the text of a shell's script; "" of one that is too long
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

// Bounds of what a path may cost; Linux has the same.
const (
	MaxPath  = 4096
	MaxDepth = 256
)

// A Listing is what one layer has. It is not written to once it is made.
type Listing struct {
	Entries []Entry  `json:"entries"`          // by path, each once: what stands last in the layer holds
	Hidden  []string `json:"hidden,omitempty"` // by whiteouts: paths of lower layers, sorted
	Opaque  []string `json:"opaque,omitempty"` // folders of which lower layers show nothing, sorted
	// Cut says that the layer has more than a listing holds: what is missing from it may be there.
	Cut bool `json:"cut,omitempty"`
}

// cost is about what the listing takes in memory, in bytes.
func (l *Listing) cost() int {
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

// Hides reports whether the layer takes from sight what lower layers have at a path: by an entry that is no folder above it, by a
// whiteout of it or of a folder above it, or since such a folder is opaque. What the layer itself has there is the caller's first question.
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

// Parent is the folder of a path; "" is the root.
func Parent(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '/'))]
}
