package kubernetes

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestMissingRightsAreNamed(t *testing.T) {
	c := newCluster(t)
	create := func(input []byte) (out string) {
		var list struct{ Items []review }
		if err := json.Unmarshal(input, &list); err != nil {
			t.Error(err)
		}
		for _, r := range list.Items {
			a := r.Spec.Attributes
			if a.Namespace != "ci" || r.Kind != "SelfSubjectAccessReview" {
				t.Errorf("asked for %+v", r)
			}
			r.Status.Allowed = a.Verb != "patch" && a.Subresource != "exec" && (a.Verb != "create" || a.Group != "networking.k8s.io")
			out += text(r) + "\n"
		}
		return out
	}
	c.set(func() {
		c.create = create
		c.put(map[string]any{
			"kind": "Node", "metadata": map[string]any{"name": "b1", "labels": map[string]any{labelArch: "arm64", labelOS: "linux"}},
			"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
		})
	})
	x := Examine(t.Context(), farm(nil))
	want := []string{"patch deployments", "patch statefulsets", "patch configmaps", "patch secrets", "get pods/exec", "create pods/exec"}
	if x.Err != nil || x.NodesErr != nil || !slices.Equal(x.Missing, want) || !slices.Equal(x.Machines, []string{"b1"}) ||
		!slices.Equal(x.MissingForTests, []string{"create networkpolicies"}) {
		t.Errorf("got %+v", x)
	}
}
