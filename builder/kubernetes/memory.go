package kubernetes

import (
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
)

// memory remembers the pod of a node that has one, so that a build can connect to it without a look at the cluster first. It is a hint: a
// pod that is gone refuses the connection.
type memory struct {
	dir  string // "" remembers nothing
	node node
}

// recollection is the last pod of a node, with the configuration that it had.
type recollection struct {
	Hash, ClientHash string
	Pod              pod
	At               time.Time
}

// fresh is how long a recollection is used without a look. Another client may have changed the node meanwhile.
const fresh = time.Hour

func (m memory) folder() cachedir.Folder {
	return cachedir.Folder{Dir: m.dir, Suffix: ".json", Max: 256 << 10, MaxFile: 32 << 10}
}

func (m memory) name() string {
	c := m.node.Client
	return digest.FromString(c.Kubeconfig + "\n" + c.Context + "\n" + c.Namespace + "\n" + objects.Name(m.node.e)).Encoded()
}

// recall returns the pod if it had the configuration that is wanted.
func (m memory) recall(wanted objects.Node) (p pod, ok bool) {
	var r recollection
	if m.node.opt.Replicas > 1 || json.Unmarshal(m.folder().Get(m.name()), &r) != nil {
		return p, false
	}
	same := r.Hash == wanted.Hash && (wanted.ClientHash == "" || r.ClientHash == wanted.ClientHash)
	return r.Pod, same && time.Since(r.At) < fresh
}

// forget is called before pods are ended: one that is ending still accepts connections.
func (m memory) forget() {
	if m.dir != "" {
		m.folder().Remove(m.name())
	}
}

// put remembers the pod of a node with that configuration.
func (m memory) put(wanted objects.Node, pods []pod) {
	if m.dir == "" || len(pods) != 1 || m.node.opt.Replicas > 1 {
		return
	}
	if data, err := json.Marshal(recollection{wanted.Hash, wanted.ClientHash, pods[0], time.Now()}); err == nil {
		m.folder().Put(m.name(), data)
	}
}
