package solve

import (
	"github.com/docker-multiarch/docker-multiarch/internal/kept"
)

// timesName is what the times are kept under; several programs that write at the same time may lose what one had to add.
const timesName = "emulated"

func (e Env) times() kept.Folder {
	const most = 1 << 20
	return kept.Folder{Dir: e.Times, Suffix: ".json", Max: most, Each: most}
}
