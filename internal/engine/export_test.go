package engine

import (
	"time"

	"github.com/moby/moby/client"
)

// NewWatched is New with other limits.
func NewWatched(api client.APIClient, quiet, patience time.Duration) *Engine {
	return newEngine(api, watch{api: api, quiet: quiet, patience: patience})
}
