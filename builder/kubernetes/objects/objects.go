// Package objects composes the Kubernetes objects that are a node: a Deployment, or a StatefulSet with a volume for each pod; a ConfigMap
// with buildkitd.toml; a Secret with certificates. They are values that are sent as JSON. It makes no requests.
//
// The options have the names of docker buildx's driver. Where that one is wrong they differ in effect: a request is no limit, a
// configuration stays with a volume, and labels of the user are not part of the selector, which cannot be changed later.
package objects

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// object is a Kubernetes object, or a part of one.
type object = map[string]any

const (
	// prefix begins the names of our labels and annotations.
	prefix = "com.docker-multiarch/"
	// NodeLabel is a label on everything that is made for a node; its value is the name of the node's workload.
	NodeLabel = prefix + "node"
	// HashAnnotation is on a workload: a hash of the configuration that the node has.
	HashAnnotation = prefix + "hash"
	// ClientAnnotation is on a workload: a hash of what the client that sent it has added to it (certificates and proxies).
	ClientAnnotation = prefix + "client-hash"

	// Container is the container of BuildKit in a pod.
	Container = "buildkitd"

	// Deployment is the kind of a workload without volumes.
	Deployment = "Deployment"
	// StatefulSet is the kind of a workload with a volume for each pod.
	StatefulSet = "StatefulSet"

	manager = "docker-multiarch"
)

// Input is everything that determines the objects of a node.
type Input struct {
	Endpoint builder.Endpoint
	Options  Options
	Settings buildkitd.Settings // Config and Flags are those of the endpoint
	Tool     string             // version of this program
}

// Node is the objects of a node.
type Node struct {
	Name string // of the workload, and of all other objects
	Kind string // of the workload
	// Hash and ClientHash identify the configuration: see [HashAnnotation].
	Hash, ClientHash string
	PodHash          string // the value of [HashAnnotation] on the pods
	// Items are the objects, in the order in which they are sent; the last one is the workload.
	Items []map[string]any
	// Selector finds the pods, as kubectl's -l reads it.
	Selector string
	// Storage is the size of the volume of each pod; "" without one.
	Storage string
	Notes   []string // for the user, about the configuration
}

// JSON returns the objects as one list.
func (n Node) JSON() []byte {
	data, err := json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": n.Items})
	if err != nil { // no value in it is of a kind that JSON does not have
		panic(err)
	}
	return data
}

// Selector finds what was made for a node.
func Selector(e builder.Endpoint) string { return NodeLabel + "=" + Name(e) }

var noNameRune = lazyregexp.New(`[^a-z0-9]+`)

// maxName leaves room for what controllers add to the name of a workload: labels hold at most 63 characters.
const maxName = 45

// Name is the name of a node's workload: legible, and another one for each pair of builder and node.
func Name(e builder.Endpoint) string {
	given := e.Builder + "/" + e.Name()
	words := e.Builder + "-" + e.Name()
	if e.Builder == e.Name() {
		words = e.Builder
	}
	name := "multiarch-" + strings.Trim(noNameRune().ReplaceAllString(strings.ToLower(words), "-"), "-")
	if name == "multiarch-"+words && len(name) <= maxName && !strings.Contains(e.Builder, "-") {
		return name
	}
	sum := sha256.Sum256([]byte(given))
	return strings.TrimRight(name[:min(len(name), maxName-7)], "-") + "-" + hex.EncodeToString(sum[:3])
}

// Compose returns the objects of a node.
func Compose(in Input) (Node, error) {
	c := composer{Input: in, name: Name(in.Endpoint)}
	bare := in
	bare.Settings.Certs, bare.Settings.Proxies = nil, nil
	plain := composer{Input: bare, name: c.name}
	base, _, err := plain.items()
	if err != nil {
		return Node{}, err
	}
	items, notes, err := c.items()
	if err != nil {
		return Node{}, err
	}
	n := Node{Name: c.name, Kind: c.kind(), Items: items, Selector: NodeLabel + "=" + c.name, Storage: in.Options.storage, Notes: notes, Hash: hash(base)}
	if env := buildkitd.ProxyEnv(in.Settings.Proxies, nil); len(in.Settings.Certs)+len(env) > 0 {
		n.ClientHash = hash([]any{in.Settings.Certs.Digests(), env})
	}
	workload := items[len(items)-1]
	metadata(workload)["annotations"] = merged(metadata(workload)["annotations"], map[string]string{
		prefix + "builder": in.Endpoint.Builder, prefix + "node-name": in.Endpoint.Name(), prefix + "version": in.Tool,
		prefix + "platforms": strings.Join(platform.FormatAll(in.Endpoint.Platforms), ","),
		HashAnnotation:       n.Hash, ClientAnnotation: n.ClientHash,
	})
	// pods of another configuration are replaced, although only a file may differ
	n.PodHash = hash([]any{n.Hash, n.ClientHash})
	template(workload)["annotations"] = merged(template(workload)["annotations"], map[string]string{HashAnnotation: n.PodHash})
	return n, nil
}

func hash(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

func metadata(o object) object {
	m, _ := o["metadata"].(object)
	return m
}

// template is the metadata of a workload's pods.
func template(workload object) object {
	spec, _ := workload["spec"].(object)
	t, _ := spec["template"].(object)
	return metadata(t)
}

// merged adds pairs to a map that may be nil.
func merged(old any, more map[string]string) map[string]string {
	all := map[string]string{}
	if m, ok := old.(map[string]string); ok {
		maps.Copy(all, m)
	}
	maps.Copy(all, more)
	return all
}

type composer struct {
	Input
	name string
}

func (c composer) kind() string {
	if c.Options.storage != "" {
		return StatefulSet
	}
	return Deployment
}

func (c composer) labels(more map[string]string) map[string]string {
	return merged(more, map[string]string{
		"app.kubernetes.io/managed-by": manager, "app.kubernetes.io/name": Container, NodeLabel: c.name,
	})
}

// items returns the objects without the annotations that identify them.
func (c composer) items() (items []object, notes []string, err error) {
	config := c.Settings.Config
	files, notes, err := buildkitd.Compose(buildkitd.Input{User: config.TOML, Certs: c.Settings.Certs, GC: true})
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(files, config.Files)
	toml, secret := files[configFile], map[string][]byte{}
	for path, content := range files {
		if path != configFile {
			secret[fileKey(path)] = content
		}
	}
	meta := func() object { return object{"name": c.name, "labels": c.labels(nil)} }
	items = append(items, object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(), "data": map[string]string{"buildkitd.toml": string(toml)}})
	if len(secret) > 0 {
		items = append(items, object{"apiVersion": "v1", "kind": "Secret", "metadata": meta(), "type": "Opaque", "data": secret})
	}
	return append(items, c.workload(slices.Sorted(maps.Keys(files)))), notes, nil
}

// fileKey is the name of a file in a Secret. Paths differ in more characters than names may have.
func fileKey(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}

func (c composer) workload(files []string) object {
	o := c.Options
	spec := object{
		"replicas": o.Replicas,
		"selector": object{"matchLabels": map[string]string{NodeLabel: c.name}},
		"template": object{
			"metadata": object{"labels": c.labels(o.labels), "annotations": c.podAnnotations()},
			"spec":     c.pod(files),
		},
		"revisionHistoryLimit": 1,
	}
	if o.storage == "" {
		spec["strategy"] = object{"type": "Recreate"} // it is changed only while idle; two at once may not fit into the cluster
	} else {
		spec["serviceName"], spec["podManagementPolicy"] = c.name, "Parallel"
		claim := object{"accessModes": []string{"ReadWriteOnce"}, "resources": object{"requests": object{"storage": o.storage}}}
		if o.storageClass != "" {
			claim["storageClassName"] = o.storageClass
		}
		spec["volumeClaimTemplates"] = []object{{"metadata": object{"name": stateVolume}, "spec": claim}}
	}
	return object{
		"apiVersion": "apps/v1", "kind": c.kind(), "spec": spec,
		"metadata": object{"name": c.name, "labels": c.labels(o.labels), "annotations": o.annotations},
	}
}
