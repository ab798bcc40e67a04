package solve

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
)

// timesName is the key of the recorded times. Several programs that write at the same time may lose entries of one another.
const timesName = "emulated"

func (e Env) times() cachedir.Folder {
	const most = 1 << 20
	return cachedir.Folder{Dir: e.Times, Suffix: ".json", Max: most, MaxFile: most}
}
