package container

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
)

// plan is a container to create and the files to put into it.
type plan struct {
	client.ContainerCreateOptions
	files   map[string][]byte
	bridged bool // RUN steps get BuildKit's bridge network
}

// plan composes the container from the requested settings and those that it inherits.
func (k *reconciler) plan(ctx context.Context, old observed) (plan, error) {
	from, err := k.model(ctx, old)
	if err != nil {
		return plan{}, err
	}
	want := inherit(k.want, from.Settings)
	user, err := k.userConfig(ctx, want, from)
	if err != nil {
		return plan{}, err
	}
	if from.ID != old.ID && want.Network != hostNetwork && len(user.LoopbackMirrors()) > 0 && k.spec.Daemon.Config.TOML == nil {
		user, want.Config = buildkitd.UserConfig{}, "" // the user's configuration is for the other side only
	}
	ref := want.Image
	if ref == "" {
		ref = DefaultImage
	}
	known := from.Image
	known.Bridge = known.Bridge || known.NoBridge != "" // the bridge may have become possible
	image, err := prepareImage(ctx, k.eng, k.spec, ref, known, k.say)
	if err != nil {
		return plan{}, k.orTrust(err, old)
	}
	if image.Bridge && k.made.noBridge {
		image.Bridge, image.NoBridge = false, noBridgeHere
	}
	return k.compose(want, user, image)
}

// model returns the container whose settings a new one inherits: the container that it replaces, else
// the container of the other side, whose network is not inherited.
func (k *reconciler) model(ctx context.Context, old observed) (observed, error) {
	if old.ID != "" {
		return old, nil
	}
	other, err := observe(ctx, k.eng, k.spec.Endpoint, k.side.other())
	if err != nil || !other.Ours || other.SettingsProblem != "" {
		return observed{}, err
	}
	other.Settings.Network, other.Settings.Chosen = "", ""
	return other, nil
}

// compose turns settings into a container. It makes no requests.
func (k *reconciler) compose(want settings, user buildkitd.UserConfig, image imageFacts) (plan, error) {
	in := buildkitd.Input{User: user.TOML, Insecure: want.Insecure, Mirrors: want.Mirrors, Certs: k.spec.Daemon.Certs, GC: true}
	if want.Network == hostNetwork && image.Bridge {
		in.Bridge = buildkitd.BridgeFor(k.info.ID, k.side.bridge(k.spec.Endpoint))
	}
	files, notes, err := buildkitd.Compose(in)
	if err != nil {
		return plan{}, err
	}
	for _, n := range slices.Concat(user.Notes, notes, k.withheld(want)) {
		k.say(n)
	}
	maps.Copy(files, user.Files)
	if user.TOML != nil {
		files[buildkitd.UserDir+"/buildkitd.toml"] = user.TOML
	}

	useInit := true // reaps the orphans of RUN steps
	c := &container.Config{
		Image:  image.Ref,
		Cmd:    append([]string{"--config", buildkitd.Dir + "/buildkitd.toml"}, buildkitd.DaemonFlags(want.Flags)...),
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
			Type: mount.TypeVolume, Source: k.side.volume(k.spec.Endpoint), Target: stateDir,
			VolumeOptions: &mount.VolumeOptions{Labels: map[string]string{
				labelBuilder: k.spec.Builder, labelNode: strconv.Itoa(k.spec.Index),
			}},
		}},
	}
	if k.info.UserNS {
		h.UsernsMode = "host" // the engine refuses privileged containers in a remapped namespace
	}
	if err := Options(want.Options).apply(c, h); err != nil {
		return plan{}, err
	}
	return plan{ContainerCreateOptions: client.ContainerCreateOptions{Config: c, HostConfig: h}, files: files, bridged: in.Bridge != nil}, nil
}

func (k *reconciler) labels(want settings, image imageFacts) map[string]string {
	return map[string]string{
		labelBuilder:  k.spec.Builder,
		labelNode:     strconv.Itoa(k.spec.Index),
		labelDriver:   DriverName,
		labelSettings: want.label(),
		labelImage:    image.Ref,
		labelImageID:  image.ID,
		labelVersion:  image.Version,
		labelBridge:   image.bridge(),
		labelTool:     k.spec.ToolVersion,
	}
}

// withheld names the engine's mirrors that a builder does not get because it could not reach them.
func (k *reconciler) withheld(want settings) (notes []string) {
	for _, m := range k.info.Mirrors {
		if !slices.Contains(want.Mirrors, m) {
			notes = append(notes, fmt.Sprintf("the engine's mirror %s is not used: it is on loopback, and the builder is not on the host's network"+
				" (the driver option network=host puts it there)", m))
		}
	}
	return notes
}

// userConfig returns the user's buildkitd.toml for a container with the settings want: the one given
// now, or that of the old container.
func (k *reconciler) userConfig(ctx context.Context, want settings, old observed) (buildkitd.UserConfig, error) {
	if k.spec.Daemon.Config.TOML != nil || want.Config == "" || old.ID == "" {
		return k.spec.Daemon.Config, nil
	}
	rd, err := k.eng.CopyFrom(ctx, old.ID, buildkitd.UserDir)
	if err != nil {
		return buildkitd.UserConfig{}, fmt.Errorf("copy the BuildKit configuration of the old container: %w", err)
	}
	defer rd.Close()
	cfg, err := buildkitd.ReadArchive(rd)
	if err != nil {
		return buildkitd.UserConfig{}, fmt.Errorf("copy the BuildKit configuration of the old container: %w", err)
	}
	return cfg, nil
}
