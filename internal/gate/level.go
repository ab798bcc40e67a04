package gate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// level adds a finding, once for an image, if a program that starts needs a later x86-64 level than the platform guarantees. who
// is the program's name in the message.
func (x *examination) level(at rootfs.Place, f exe.File, who string) {
	promised := 1
	if n, err := strconv.Atoi(strings.TrimPrefix(x.platform.Variant, "v")); err == nil {
		promised = n
	}
	if x.platform.Architecture != "amd64" || f.Level <= promised || x.leveled {
		return
	}
	x.leveled = true
	needed := fmt.Sprintf("x86-64-v%d", f.Level)
	x.add(at.Layer, diag.Diagnostic{
		Severity: diag.Warning, Check: CheckLevel, Content: diag.Content{Path: "/" + at.Path, Machine: needed, Wanted: x.expectedMachine()},
		Message: fmt.Sprintf("%s needs %s: on an older processor it does not start (the image would be for linux/amd64/v%d)%s",
			who, needed, f.Level, x.origin(at.Layer)),
	})
}
