//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

func TestTheReasonWhyPodsDoNotStartIsTheAPIs(t *testing.T) {
	s := onClusterAlone(t)
	s.applied(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: small}, spec: {hard: {pods: "0"}, scopes: [NotBestEffort]}}`)
	tests := []struct {
		what  string
		words []string
		want  []string
	}{
		{"an image that is not there", []string{"--driver-opt", "image=" + s.registry + "/none:1"}, []string{"pod/multiarch-", "container buildkitd does not start: ", "not found"}},
		{"a selector that matches nothing", []string{"--driver-opt", "nodeselector=disk=golden"}, []string{"no node of the cluster can take it", "node affinity/selector"}},
		{"an architecture that no machine has", []string{"--platform", "linux/s390x"}, []string{"no node of the cluster can take it", "node affinity/selector"}},
		{"a quota", []string{"--driver-opt", "requests.cpu=10m"}, []string{"deployment/multiarch-", "its pods are refused", "exceeded quota: small, requested: pods=1"}},
		{"a service account that is not there", []string{"--driver-opt", "serviceaccount=nobody"}, []string{"its pods are refused", `serviceaccount "nobody" not found`}},
		{
			"a claim without a volume",
			[]string{"--driver-opt", "persistent-volume-claim.requests.storage=1Gi,storageclass=none"},
			[]string{"no node of the cluster can take it", "PersistentVolumeClaims"},
		},
		{
			"a quota of a StatefulSet",
			[]string{"--driver-opt", "persistent-volume-claim.requests.storage=1Gi,requests.cpu=10m"},
			[]string{"statefulset/multiarch-", "its pods are refused", "exceeded quota: small"},
		},
		{"a flag that BuildKit does not know", []string{"--buildkitd-flags", "--nonsense"}, []string{"container buildkitd has ended with status 1", "flag provided but not defined"}},
		{"YAML that the API refuses", []string{"--driver-opt", "affinity=nonsense: 1"}, []string{"the cluster does not take it", "nonsense", `unknown field "nonsense"`}},
		{"a priority class that is not there", []string{"--driver-opt", "priorityclass=none"}, []string{"its pods are refused", "no PriorityClass with name none"}},
		{"a namespace that is not there", []string{"--driver-opt", "namespace=nowhere-" + s.builder}, []string{`the cluster has no namespace "nowhere-`, "kubectl create namespace nowhere-"}},
	}
	for i, tt := range tests {
		s.builder = fmt.Sprintf("bad%d", i)
		r := s.pods(append([]string{"--node", "one", "--bootstrap"}, tt.words...)...)
		s.Logf("%s: %s", tt.what, r.took)
		s.equal(tt.what+": the status", r.code, 1)
		s.contains(tt.what, r.err, tt.want...)
		if r.took > soon {
			s.Errorf("%s: it took %s", tt.what, r.took)
		}
		s.lacks("the builders after "+tt.what, s.mustDocker("multiarch", "builder", "ls"), s.builder)
	}
	s.equal("what is left in the cluster", s.ours(), "")

	s.builder = "planned"
	r := s.pods("--driver-opt", "nodeselector=disk=golden")
	s.equal("the status of a plan without machines", r.code, 1)
	s.contains("a plan without machines", r.err, "the cluster has no node that can be used (127.0.0.11 is not among those that nodeselector names; 127.0.0.12 is")
	r = s.pods("--platform", "linux/amd64,linux/s390x")
	s.contains("a platform without machines", r.err, "the cluster has no node for linux/s390x")
	kubeconfig := strings.ReplaceAll(s.kubectl("config", "view", "--raw", "-o", "yaml"), s.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"), fmt.Sprintf("https://127.0.0.1:%d", freePort(s)))
	s.write("gone", kubeconfig)
	gone := s.run(call{args: []string{"multiarch", "builder", "create", "--driver", "kubernetes"}, env: []string{"KUBECONFIG=" + s.dir + "/gone"}})
	s.refused(gone, 1, "was refused - did you specify the right host or port?")
	gone = s.run(call{args: []string{"multiarch", "builder", "create", "--driver", "kubernetes"}, env: []string{"PATH=/usr/local/bin"}})
	if gone.code != 1 || !strings.Contains(gone.err, "kubectl is not installed") && !strings.Contains(gone.err, "refused") {
		s.Errorf("without kubectl: %s", gone.err)
	}
}
