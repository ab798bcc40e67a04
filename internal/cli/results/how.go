package results

import (
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// howText describes how a platform was built.
func howText(p solve.PlatformReport) string {
	var recipes []string
	for _, s := range p.Cross.Steps {
		recipes = append(recipes, s.Recipe)
	}
	how := modeText(p.Mode, p.Emulator, once(recipes))
	switch {
	case how == "" || p.Retries == 0:
		return how
	case p.Retries == 1:
		return how + ", tried twice,"
	}
	return fmt.Sprintf("%s, tried %d times,", how, p.Retries+1)
}
