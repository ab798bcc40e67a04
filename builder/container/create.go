package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

const (
	// resolvedDir is where systemd-resolved keeps the resolv.conf with the name servers that it asks itself.
	resolvedDir = "/run/systemd/resolve"

	stopSeconds    = 10 // what buildkitd gets to end its work in
	cleanupTimeout = 20 * time.Second
)

// create makes the container, complete but not started, in the place of old, if
// there is one. Until everything that can fail is done the container has a name
// of its own and the old one is left alone; then the old one goes and the name is
// taken. Whoever finds the name taken throws its own container away.
func (k *keeper) create(ctx context.Context, old observed) (rerr error) {
	plan, err := k.plan(ctx, old)
	if err != nil {
		return err
	}
	name := k.container()
	plan.Name = name + "-" + randomSuffix()
	id, err := k.createContainer(ctx, plan, old.ID == "")
	if err != nil {
		return err
	}
	published := false
	defer func() {
		if !published {
			_ = k.undo(ctx, id) // what matters is the error that led here
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

// plan is what the container is made with: what is wanted, and what it takes over.
func (k *keeper) plan(ctx context.Context, old observed) (plan, error) {
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
		user, want.Config = buildkitd.UserConfig{}, "" // it is for the other side alone
	}
	ref := want.Image
	if ref == "" {
		ref = DefaultImage
	}
	known := from.Image
	known.Bridge = known.Bridge || known.NoBridge != "" // it may be possible by now
	image, err := prepareImage(ctx, k.eng, k.spec, ref, known, k.say)
	if err != nil {
		return plan{}, k.orTrust(err, old)
	}
	if image.Bridge && k.noBridge {
		image.Bridge, image.NoBridge = false, noBridgeHere
	}
	return k.compose(want, user, image)
}

// model is the container whose settings a new one takes over: the one in whose place it comes, else that of the other side, all
// but the network.
func (k *keeper) model(ctx context.Context, old observed) (observed, error) {
	if old.ID != "" {
		return old, nil
	}
	other, err := observe(ctx, k.eng, k.spec.Builder, k.side.other())
	if err != nil || !other.Ours || other.Trouble != "" {
		return observed{}, err
	}
	other.Settings.Network, other.Settings.Chosen = "", ""
	return other, nil
}

// createContainer notes whether the volume is new, too. With a bridge for RUN the container sees what systemd-resolved writes on its
// host, if it does: there BuildKit looks for name servers that RUN steps can reach, where /etc/resolv.conf has but resolved's own
// address on loopback (executor/oci/resolvconf.go).
func (k *keeper) createContainer(ctx context.Context, p plan, first bool) (id string, err error) {
	if first {
		has, err := k.eng.HasVolume(ctx, k.side.volume(k.spec.Builder))
		if err != nil {
			return "", err
		}
		k.newVolume = k.newVolume || !has
	}
	if !p.bridged || k.noResolved {
		return k.eng.CreateContainer(ctx, p.ContainerCreateOptions)
	}
	plain := *p.HostConfig
	p.HostConfig.Mounts = append(slices.Clone(plain.Mounts), mount.Mount{Type: mount.TypeBind, Source: resolvedDir, Target: resolvedDir, ReadOnly: true})
	id, err = k.eng.CreateContainer(ctx, p.ContainerCreateOptions)
	if err != nil && strings.Contains(err.Error(), resolvedDir) { // there is none on the engine's host
		p.HostConfig = &plain
		id, err = k.eng.CreateContainer(ctx, p.ContainerCreateOptions)
	}
	return id, err
}

// undo takes away a container that this run has made, and its volume if that is new and nobody else uses it. It does so also when ctx
// has ended.
func (k *keeper) undo(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := k.eng.RemoveContainer(ctx, id); err != nil || !k.newVolume {
		return err
	}
	_, err := k.eng.RemoveVolume(ctx, k.side.volume(k.spec.Builder))
	return ignoreMoved(err)
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
	files   map[string][]byte
	bridged bool // RUN steps get BuildKit's bridge network
}

// compose turns settings into a container. It asks nobody.
func (k *keeper) compose(want settings, user buildkitd.UserConfig, image imageFacts) (plan, error) {
	in := buildkitd.Input{User: user.TOML, Insecure: want.Insecure, Mirrors: want.Mirrors, Certs: k.spec.Daemon.Certs, GC: true}
	if want.Network == hostNetwork && image.Bridge {
		in.Bridge = buildkitd.BridgeFor(k.info.ID, k.spec.Builder+string(k.side))
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

	useInit := true // reaps what RUN steps leave behind
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
			Type: mount.TypeVolume, Source: k.side.volume(k.spec.Builder), Target: stateDir,
			VolumeOptions: &mount.VolumeOptions{Labels: map[string]string{
				labelBuilder: k.spec.Builder, labelNode: strconv.Itoa(nodeIndex),
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

func (k *keeper) labels(want settings, image imageFacts) map[string]string {
	return map[string]string{
		labelBuilder:  k.spec.Builder,
		labelNode:     strconv.Itoa(nodeIndex),
		labelDriver:   DriverName,
		labelSettings: want.label(),
		labelImage:    image.Ref,
		labelImageID:  image.ID,
		labelVersion:  image.Version,
		labelBridge:   image.bridge(),
		labelTool:     k.spec.ToolVersion,
	}
}

func randomSuffix() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return hex.EncodeToString(b[:])
}
