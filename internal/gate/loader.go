package gate

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// These are the loaders whose search paths are known here.
const (
	glibcLoader = "glibc"
	muslLoader  = "musl"
)

// loaderKind recognises a loader by its name. "" is one whose search paths are unknown.
func loaderKind(interpreter string) string {
	switch name := path.Base(interpreter); {
	case strings.HasPrefix(name, "ld-musl-"):
		return muslLoader
	case strings.HasPrefix(name, "ld-linux"), strings.HasPrefix(name, "ld64.so"), name == "ld.so.1":
		return glibcLoader
	}
	return ""
}

// hasMusl reports whether the image has musl's loader too, as Alpine does with gcompat. Programs that were linked with glibc then
// get musl's library.
func (x *examination) hasMusl(ctx context.Context, f exe.File) bool {
	lib, o := x.all().Resolve(ctx, "/lib")
	if o != rootfs.Found {
		return o == rootfs.Unknown
	}
	for _, name := range []string{"x86_64", "aarch64", "armhf", "arm", "armv7", "i386", "powerpc64le", "s390x", "riscv64", "mips64el", "loongarch64"} {
		if at, o := x.all().Below(ctx, lib, "ld-musl-"+name+".so.1"); o != rootfs.Absent && (at.Exe == nil || at.Exe.Machine == f.Machine) {
			return true
		}
	}
	return false
}

// builtIntoMusl reports whether musl's loader itself provides the library of a name (load_library in ldso/dynlink.c).
func builtIntoMusl(name string) bool {
	rest, ok := strings.CutPrefix(name, "lib")
	first, _, dotted := strings.Cut(rest, ".")
	return ok && dotted && slices.Contains([]string{"c", "pthread", "rt", "m", "dl", "util", "xnet"}, first)
}

// broughtByDriver reports whether a container runtime puts the library into the container, since it belongs to the driver of the
// host's kernel.
func broughtByDriver(name string) bool {
	for _, begin := range []string{"libcuda.", "libnv", "libGLX_", "libEGL_", "libvdpau_", "libGLESv"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// triplets has the folders of Debian's libraries by machine.
var triplets = map[string][]string{
	"386": {"i386-linux-gnu"}, "amd64": {"x86_64-linux-gnu"}, "arm": {"arm-linux-gnueabihf", "arm-linux-gnueabi"}, "arm64": {"aarch64-linux-gnu"},
	"loong64": {"loongarch64-linux-gnu"}, "mips64le": {"mips64el-linux-gnuabi64"}, "ppc64le": {"powerpc64le-linux-gnu"},
	"riscv64": {"riscv64-linux-gnu"}, "s390x": {"s390x-linux-gnu"},
}

// systemFolders returns the folders that a loader searches for every program: those of ld.so.conf, the loader's own, and the
// environment's.
func systemFolders(f exe.File, loader rootfs.Place, env []string, dir string) []string {
	folders := listOf(envOf(env, "LD_LIBRARY_PATH"), dir)
	for _, root := range []string{"/lib", "/usr/lib", "/usr/local/lib"} {
		for _, triplet := range triplets[f.Machine] {
			folders = append(folders, root+"/"+triplet)
		}
		folders = append(folders, root, root+"64", root+"32")
	}
	return append(folders, "/"+listing.Parent(loader.Path))
}

// runPaths returns the folders that an object names itself.
func (l *linking) runPaths(o object, d *exe.Dynamic) (folders []string) {
	for _, list := range []string{d.RPath, d.RunPath} {
		for _, dir := range listOf(list, l.of.command.dir) {
			// The origin is the folder of the file, or of the path that it was opened by, depending on the loader.
			for _, origin := range []string{"/" + listing.Parent(o.Path), path.Dir(o.path)} {
				expanded := strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir)
				if !slices.Contains(l.common, expanded) && !slices.Contains(folders, expanded) {
					folders = append(folders, expanded)
				}
			}
		}
	}
	return folders
}

// listOf splits a list of folders. An empty or relative one is resolved from the working directory.
func listOf(list, dir string) (folders []string) {
	if list == "" {
		return nil
	}
	for folder := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ':' || r == ';' }) {
		if !strings.HasPrefix(folder, "$") {
			folder = absolute(dir, folder)
		}
		if folders = append(folders, folder); len(folders) == maxFolders {
			break
		}
	}
	return folders
}
