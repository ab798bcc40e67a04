package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// right is something that this driver does in a namespace. kubectl looks at what it deletes and waits for.
type right struct{ group, resource, subresource, verbs string }

// rights are those that suffice; docs/kubernetes.md has them as a Role.
func rights() []right {
	return []right{
		{"apps", "deployments", "", "get list watch create patch delete"},
		{"apps", "statefulsets", "", "get list watch create patch delete"},
		{"", "configmaps", "", "get list watch create patch delete"},
		{"", "secrets", "", "get list watch create patch delete"},
		{"", "persistentvolumeclaims", "", "get list watch delete"},
		{"", "pods", "", "get list watch"},
		{"", "pods", "exec", "get create"},
		{"", "pods", "log", "get"},
		{"", "events", "", "list watch"},
	}
}

// Examination is what a cluster says about an endpoint, without anything being made.
type Examination struct {
	Err     error    // the cluster does not answer
	Missing []string // rights that the user does not have, such as "patch deployments"
	// MissingForTests are those that only programs of images need.
	MissingForTests []string
	Machines        []string // the cluster's nodes that pods can run on
	NodesErr        error    // why none was found, or why it is not known
}

// Examine asks a cluster what it would do for an endpoint.
func Examine(ctx context.Context, e builder.Endpoint) (x Examination) {
	n, err := open(e)
	if err != nil {
		return Examination{Err: err}
	}
	if x.Missing, x.Err = n.missing(ctx, rights()); x.Err != nil {
		return x
	}
	if x.MissingForTests, x.Err = n.missing(ctx, programRights()); x.Err != nil {
		return x
	}
	planned, err := Plan(ctx, e)
	for _, p := range planned {
		x.Machines = append(x.Machines, p.Machines...)
	}
	x.NodesErr = err
	return x
}

// review is a SelfSubjectAccessReview.
type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Attributes struct {
			Namespace   string `json:"namespace,omitempty"`
			Verb        string `json:"verb"`
			Group       string `json:"group,omitempty"`
			Resource    string `json:"resource"`
			Subresource string `json:"subresource,omitempty"`
		} `json:"resourceAttributes"`
	} `json:"spec"`
	Status struct{ Allowed bool } `json:"status,omitzero"`
}

func (r review) String() string {
	a := r.Spec.Attributes
	return a.Verb + " " + strings.TrimSuffix(a.Resource+"/"+a.Subresource, "/")
}

// missing returns those of the rights that the user does not have, by one call of kubectl.
func (n node) missing(ctx context.Context, wanted []right) (missing []string, err error) {
	list := struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Items      []review `json:"items"`
	}{"v1", "List", nil}
	for _, w := range wanted {
		for verb := range strings.FieldsSeq(w.verbs) {
			r := review{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
			a := &r.Spec.Attributes
			a.Namespace, a.Verb, a.Group, a.Resource, a.Subresource = n.Namespace, verb, w.group, w.resource, w.subresource
			list.Items = append(list.Items, r)
		}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	out, err := n.Run(ctx, data, "create", "-o", "json", "-f", "-")
	if err != nil {
		return nil, err
	}
	for answers := json.NewDecoder(bytes.NewReader(out)); answers.More(); {
		var r review
		if err := answers.Decode(&r); err != nil {
			return nil, fmt.Errorf("the answer of kubectl create: %w", err)
		}
		if !r.Status.Allowed {
			missing = append(missing, r.String())
		}
	}
	return missing, nil
}
