package builder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

const (
	hostNetwork = "host"

	stopSeconds    = 10 // what buildkitd gets to end its work in
	cleanupTimeout = 20 * time.Second
)

// create makes the container, complete but not started, in the place of old, if
// there is one. Until everything that can fail is done the container has a name
// of its own and the old one is left alone; then the old one goes and the name is
// taken. Whoever finds the name taken throws its own container away.
func (k *keeper) create(ctx context.Context, old observed) (rerr error) {
	want := inherit(k.want, old.Settings)
	user, err := k.userConfig(ctx, want, old)
	if err != nil {
		return err
	}
	ref := want.Image
	if ref == "" {
		ref = DefaultImage
	}
	image, err := prepareImage(ctx, k.eng, k.spec, ref, old.Image, k.say)
	if err != nil {
		return k.orTrust(err, old)
	}
	plan, err := k.compose(want, user, image)
	if err != nil {
		return err
	}

	name := containerName(k.spec.Name)
	plan.Name = name + "-" + randomSuffix()
	id, err := k.eng.CreateContainer(ctx, plan.ContainerCreateOptions)
	if err != nil {
		return err
	}
	published := false
	defer func() {
		if !published {
			cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
			defer cancel()
			_ = k.eng.RemoveContainer(cctx, id) // what matters is the error that led here
		}
	}()
	if err := copyFiles(ctx, k.eng, id, plan.files); err != nil {
		return err
	}
	if old.ID != "" {
		if err := retire(ctx, k.eng, old.ID); err != nil {
			return err
		}
	}
	err = k.eng.RenameContainer(ctx, id, name)
	if cerrdefs.IsConflict(err) {
		return nil // somebody else was faster: theirs is observed next
	}
	if err != nil {
		return err
	}
	published = true
	k.created = id
	return nil
}

// retire stops a container in peace, so that buildkitd closes its databases and
// takes its bridge away, and removes it. Its volume stays.
func retire(ctx context.Context, eng *engine.Engine, id string) error {
	if err := ignoreMoved(eng.StopContainer(ctx, id, stopSeconds)); err != nil {
		return err
	}
	return eng.RemoveContainer(ctx, id)
}

// plan is a container to create and the files to put into it.
type plan struct {
	client.ContainerCreateOptions
	files map[string][]byte
}

// compose turns settings into a container. It asks nobody.
func (k *keeper) compose(want settings, user UserConfig, image imageFacts) (plan, error) {
	in := configInput{User: user.TOML, Insecure: want.Insecure, Mirrors: want.Mirrors, Certs: k.spec.Certs, GC: true}
	if want.Network == hostNetwork && image.Bridge {
		in.Bridge = bridgeFor(k.info.ID, k.spec.Name)
	}
	files, notes, err := composeConfig(in)
	if err != nil {
		return plan{}, err
	}
	for _, n := range append(slices.Clone(user.Notes), notes...) {
		k.say(n)
	}
	maps.Copy(files, user.Files)
	if user.TOML != nil {
		files[userDir+"/buildkitd.toml"] = user.TOML
	}

	useInit := true // reaps what RUN steps leave behind
	c := &container.Config{
		Image:  image.Ref,
		Cmd:    append([]string{"--config", configDir + "/buildkitd.toml"}, daemonFlags(want.Flags)...),
		Labels: k.labels(want, image),
	}
	for _, name := range slices.Sorted(maps.Keys(want.Env)) {
		c.Env = append(c.Env, name+"="+want.Env[name])
	}
	h := &container.HostConfig{
		Privileged:    true,
		Init:          &useInit,
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		NetworkMode:   container.NetworkMode(want.Network),
		ExtraHosts:    want.AddHosts,
		Mounts: []mount.Mount{{
			Type: mount.TypeVolume, Source: volumeName(containerName(k.spec.Name)), Target: stateDir,
			VolumeOptions: &mount.VolumeOptions{Labels: map[string]string{
				labelBuilder: k.spec.Name, labelNode: strconv.Itoa(nodeIndex),
			}},
		}},
	}
	if k.info.UserNS {
		h.UsernsMode = "host" // the engine refuses privileged containers in a remapped namespace
	}
	if err := Options(want.Options).apply(c, h); err != nil {
		return plan{}, err
	}
	return plan{ContainerCreateOptions: client.ContainerCreateOptions{Config: c, HostConfig: h}, files: files}, nil
}

func (k *keeper) labels(want settings, image imageFacts) map[string]string {
	return map[string]string{
		labelBuilder:  k.spec.Name,
		labelNode:     strconv.Itoa(nodeIndex),
		labelDriver:   driverContainer,
		labelSettings: want.label(),
		labelImage:    image.Ref,
		labelImageID:  image.ID,
		labelVersion:  image.Version,
		labelBridge:   strconv.FormatBool(image.Bridge),
		labelTool:     k.spec.ToolVersion,
	}
}

func randomSuffix() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return hex.EncodeToString(b[:])
}

// hostNetworkWarning is said about a node whose RUN steps see the host.
func hostNetworkWarning(image imageFacts) string {
	return fmt.Sprintf("RUN steps see the host's network: the builder is on it, and its image %q lacks BuildKit's bridge network (buildkit-cni-*)", image.Ref)
}
