package objects

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/emulation"
)

const (
	// defaultImage is BuildKit's image for users who choose none; rootless pods have another one. The peer uses both, too.
	defaultImage         = "moby/buildkit:buildx-stable-1"
	defaultRootlessImage = "moby/buildkit:buildx-stable-1-rootless"

	configFile  = buildkitd.Dir + "/buildkitd.toml"
	stateVolume = "state"
	stateDir    = "/var/lib/buildkit"
	// rootlessDir is where BuildKit's rootless image keeps its state, and rootlessUser who it runs as. Source: its Dockerfile.
	rootlessDir  = "/home/user/.local/share/buildkit"
	rootlessUser = 1000

	// graceSeconds is what a BuildKit that is stopped gets to end. It has nothing to finish: a stop ends its builds.
	graceSeconds = 5
)

// Image is the name of BuildKit's image.
func (o Options) Image() string {
	switch {
	case o.image != "":
		return o.image
	case o.Rootless:
		return defaultRootlessImage
	}
	return defaultImage
}

// podAnnotations ask the programs that remove machines from a cluster to leave the pods where they are: a build does not survive a move.
func (c composer) podAnnotations() map[string]string {
	keep := map[string]string{}
	if !c.Options.evictable {
		keep = map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
	}
	return merged(keep, c.Options.annotations)
}

// pod is the specification of the pods. files are the paths that BuildKit's configuration needs.
func (c composer) pod(files []string) object {
	o := c.Options
	spec := object{
		"containers":                    []object{c.container()},
		"nodeSelector":                  c.nodeSelector(),
		"terminationGracePeriodSeconds": graceSeconds,
		"enableServiceLinks":            false,
		"volumes":                       c.volumes(files),
	}
	o.place(spec, o.pullSecrets)
	setIf(spec, "affinity", o.affinity, o.affinity != nil)
	setIf(spec, "topologySpreadConstraints", c.spread(), len(o.spread) > 0)
	setIf(spec, "serviceAccountName", o.serviceAccount, o.serviceAccount != "")
	setIf(spec, "automountServiceAccountToken", false, o.serviceAccount == "") // a BuildKit that needs no cluster gets no access to it
	setIf(spec, "hostNetwork", true, o.HostNetwork)
	setIf(spec, "hostAliases", hostAliases(c.Settings.AddHosts), len(c.Settings.AddHosts) > 0)
	setIf(spec, "initContainers", []object{c.emulators()}, o.qemu)
	setIf(spec, "securityContext", object{"fsGroup": rootlessUser}, o.Rootless && o.storage != "")
	return spec
}

// place adds the options about the scheduling of any pod to its specification, and the names of the secrets with which its images are pulled.
func (o Options) place(spec object, pullSecrets []string) {
	var secrets []object
	for _, name := range pullSecrets {
		secrets = append(secrets, object{"name": name})
	}
	setIf(spec, "imagePullSecrets", secrets, len(secrets) > 0)
	setIf(spec, "tolerations", o.tolerations, len(o.tolerations) > 0)
	setIf(spec, "schedulerName", o.schedulerName, o.schedulerName != "")
	setIf(spec, "priorityClassName", o.priority, o.priority != "")
}

func setIf(o object, key string, value any, given bool) {
	if given {
		o[key] = value
	}
}

// nodeSelector places the pods on Linux, and on the architecture of the node's platforms if they are of one and no emulators are wanted.
func (c composer) nodeSelector() map[string]string {
	at := map[string]string{optOS: "linux"}
	if arch := c.architecture(); arch != "" && !c.Options.qemu {
		at[optPlatform] = arch
	}
	maps.Copy(at, c.Options.nodeSelector)
	return at
}

// narrower has the architecture that a machine of another one runs natively, too.
var narrower = map[string]string{"amd64": "386", "arm64": "arm"} //nolint:gochecknoglobals // a constant

// architecture is that of the machines that run all of the node's platforms natively; "" if there is none, or no platform is given.
func (c composer) architecture() string {
	var archs []string
	for _, p := range c.Endpoint.Platforms {
		if !slices.Contains(archs, p.Architecture) {
			archs = append(archs, p.Architecture)
		}
	}
	for wide, narrow := range narrower {
		if slices.Contains(archs, wide) {
			archs = slices.DeleteFunc(archs, func(a string) bool { return a == narrow })
		}
	}
	if len(archs) != 1 {
		return ""
	}
	return strings.Replace(archs[0], "386", "amd64", 1)
}

// spread is the user's, about the node's own pods unless it says which.
func (c composer) spread() (all []any) {
	for _, one := range c.Options.spread {
		if rule, ok := one.(object); ok {
			rule = maps.Clone(rule)
			if _, has := rule["labelSelector"]; !has {
				rule["labelSelector"] = object{"matchLabels": map[string]string{NodeLabel: c.name}}
			}
			one = rule
		}
		all = append(all, one)
	}
	return all
}

func (c composer) container() object {
	o := c.Options
	args := []string{"--config", configFile}
	security := object{"privileged": true}
	if o.Rootless {
		args = append(args, "--oci-worker-no-process-sandbox")
		unconfined := object{"type": "Unconfined"}
		security = object{"runAsUser": rootlessUser, "runAsGroup": rootlessUser, "seccompProfile": unconfined, "appArmorProfile": unconfined}
	}
	maps.Copy(security, o.security)
	state := stateDir
	if o.Rootless {
		state = rootlessDir
	}
	container := object{
		"name": Container, "image": o.Image(), "args": append(args, buildkitd.DaemonFlags(c.Settings.Flags)...), "securityContext": security,
		"volumeMounts": []object{{"name": "config", "mountPath": buildkitd.Dir, "readOnly": true}, {"name": stateVolume, "mountPath": state}},
		// BuildKit answers a second after it was started, or much later if its cache is large.
		"startupProbe": object{
			"exec": object{"command": []string{"buildctl", "debug", "workers"}}, "periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": 600,
		},
	}
	if !o.resources.empty() {
		container["resources"] = o.resources.object()
	}
	if env := c.env(); len(env) > 0 {
		container["env"] = env
	}
	return container
}

func (c composer) env() (list []object) {
	all := buildkitd.ProxyEnv(c.Settings.Proxies, nil)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, c.Options.env)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, object{"name": name, "value": all[name]})
	}
	return list
}

// emulators is the container that installs emulators in the kernel of the pod's machine before BuildKit starts.
func (c composer) emulators() object {
	image := c.Options.qemuImage
	if image == "" {
		image = emulation.DefaultImage
	}
	container := object{"name": "emulators", "image": image, "args": []string{"--install", "all"}, "securityContext": object{"privileged": true}}
	if !c.Options.qemuResources.empty() {
		container["resources"] = c.Options.qemuResources.object()
	}
	return container
}

// volumes are the configuration, from the ConfigMap and the Secret, and the state. A StatefulSet has the state of its own.
func (c composer) volumes(files []string) []object {
	sources := []object{{"configMap": object{"name": c.name}}}
	var secret []object
	for _, file := range files {
		if file != configFile {
			relative, _ := strings.CutPrefix(path.Clean(file), buildkitd.Dir+"/")
			secret = append(secret, object{"key": fileKey(file), "path": relative})
		}
	}
	if len(secret) > 0 {
		sources = append(sources, object{"secret": object{"name": c.name, "items": secret}})
	}
	volumes := []object{{"name": "config", "projected": object{"sources": sources}}}
	switch {
	case c.Options.memoryVolume != "":
		volumes = append(volumes, object{"name": stateVolume, "emptyDir": object{"medium": "Memory", "sizeLimit": c.Options.memoryVolume}})
	case c.Options.storage == "":
		volumes = append(volumes, object{"name": stateVolume, "emptyDir": object{}})
	}
	return volumes
}

// hostAliases returns NAME:ADDRESS as a pod has it.
func hostAliases(hosts []string) (all []object) {
	for _, h := range hosts {
		name, address, _ := strings.Cut(h, ":")
		all = append(all, object{"ip": address, "hostnames": []string{name}})
	}
	return all
}
