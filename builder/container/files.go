package container

import (
	"bytes"
	"context"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// copyFiles puts files, by absolute path, into a container.
func copyFiles(ctx context.Context, eng *engine.Engine, id string, files map[string][]byte) error {
	archive, err := buildkitd.Archive(files)
	if err != nil {
		return err
	}
	return eng.CopyTo(ctx, id, "/", bytes.NewReader(archive))
}

// userConfig is the user's buildkitd.toml for a container with the settings want:
// the one given now, or the one that the old container has.
func (k *keeper) userConfig(ctx context.Context, want settings, old observed) (buildkitd.UserConfig, error) {
	if k.spec.Daemon.Config.TOML != nil || want.Config == "" || old.ID == "" {
		return k.spec.Daemon.Config, nil
	}
	rd, err := k.eng.CopyFrom(ctx, old.ID, buildkitd.UserDir)
	if err != nil {
		return buildkitd.UserConfig{}, fmt.Errorf("take over the BuildKit configuration: %w", err)
	}
	defer rd.Close()
	cfg, err := buildkitd.ReadArchive(rd)
	if err != nil {
		return buildkitd.UserConfig{}, fmt.Errorf("take over the BuildKit configuration: %w", err)
	}
	return cfg, nil
}
