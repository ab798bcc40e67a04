package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// observed is what the cluster has of a node.
type observed struct {
	workload workload // without a name if there is none
	other    []workload
	pods     []pod
	claims   []claim
}

func (o observed) exists() bool { return o.workload.Metadata.Name != "" }

// ready are the pods that are ready.
func (o observed) ready() (some []pod) {
	for _, p := range o.pods {
		if p.ready() {
			some = append(some, p)
		}
	}
	return some
}

// claim is a PersistentVolumeClaim, as far as it is read.
type claim struct {
	Metadata meta
	Spec     struct {
		Resources struct{ Requests struct{ Storage string } }
	}
}

// observe reads what the cluster has of a node.
func (n node) observe(ctx context.Context) (o observed, err error) {
	kinds := "deployments,statefulsets,pods,persistentvolumeclaims"
	var list struct{ Items []json.RawMessage }
	if err := n.Get(ctx, &list, kinds, "-l", objects.Selector(n.e)); err != nil {
		return o, err
	}
	for _, raw := range list.Items {
		if err := o.add(raw); err != nil {
			return o, fmt.Errorf("the answer of kubectl get: %w", err)
		}
	}
	return o, nil
}

func (o *observed) add(raw json.RawMessage) error {
	var kind struct{ Kind string }
	if err := json.Unmarshal(raw, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "Pod":
		var p pod
		err := json.Unmarshal(raw, &p)
		o.pods = append(o.pods, p)
		return err
	case "PersistentVolumeClaim":
		var c claim
		err := json.Unmarshal(raw, &c)
		o.claims = append(o.claims, c)
		return err
	case objects.Deployment, objects.StatefulSet:
		var w workload
		err := json.Unmarshal(raw, &w)
		if o.exists() { // the kind has changed, and the old one was not removed
			o.other = append(o.other, o.workload)
		}
		o.workload = w
		return err
	}
	return nil
}

// claimNames lists the claims, for messages.
func (o observed) claimNames() string {
	names := make([]string, len(o.claims))
	for i, c := range o.claims {
		names[i] = c.Metadata.Name
	}
	return strings.Join(names, ", ")
}
