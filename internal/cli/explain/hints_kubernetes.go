package explain

import (
	"errors"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// kubernetesHint returns what the user can do about an error of a node in a cluster.
func kubernetesHint(err error) string {
	if late, ok := errors.AsType[*kubernetes.NotReadyError](err); ok {
		if late.Crashed != "" {
			return "docker multiarch builder create --name BUILDER --node NODE changes the node's image, flags, configuration or resources"
		}
		if late.Patient {
			return "kubectl describe " + late.Object + " shows all that the cluster knows about it"
		}
		return "if the cluster makes room or repairs it by itself, as an autoscaler does, let builds wait for that: --driver-opt timeout=5m;\n" +
			"      kubectl describe " + late.Object + " shows more while a build waits"
	}
	if _, ok := errors.AsType[*kubernetes.ConfigError](err); ok {
		return "kubectl config get-contexts lists what it knows; KUBECONFIG names its file, if that is not ~/.kube/config"
	}
	if e, ok := errors.AsType[*kubernetes.NamespaceError](err); ok {
		return fmt.Sprintf("kubectl create namespace %s makes it", e.Namespace)
	}
	if _, ok := errors.AsType[*kubernetes.NodesError](err); ok {
		return "kubectl get nodes -L kubernetes.io/arch lists the cluster's nodes; --platform names the platforms to make nodes for"
	}
	if e, ok := errors.AsType[*kubernetes.SizeError](err); ok {
		const patch = `'{"spec":{"resources":{"requests":{"storage":"%s"}}}}'`
		return fmt.Sprintf("kubectl patch persistentvolumeclaim NAME -p "+patch+" enlarges a volume whose class permits it;\n"+
			"      docker multiarch builder rm removes the node with its volumes, and the cache on them", e.Want)
	}
	if _, ok := errors.AsType[*kubernetes.LoopbackError](err); ok {
		return "name the registry by an address that the pods reach, or put them on the network of their machine with --driver-opt network=host"
	}
	if _, ok := errors.AsType[*kubernetes.ConfiguredError](err); ok {
		return "docker multiarch builder create --name BUILDER --node NODE changes the node: --driver-opt image=…, --buildkitd-config, --buildkitd-flags"
	}
	if _, ok := errors.AsType[*kubernetes.ProgramRightsError](err); ok {
		return "get these rights from who runs the cluster: docs/kubernetes.md has the Role that suffices for tests"
	}
	if _, ok := errors.AsType[*kubernetes.InUseError](err); ok {
		return "wait until the builds have ended, or end them with docker multiarch builder stop"
	}
	switch {
	case errors.Is(err, solve.ErrTestsNeedPush):
		return "add --push, or run an engine here"
	case errors.Is(err, kubectl.ErrMissing):
		return "install kubectl (https://kubernetes.io/docs/tasks/tools), and see that it is on the PATH"
	case kubectl.Reason(err) == "Unauthorized":
		return "log in to the cluster, so that kubectl auth whoami knows you"
	case kubectl.Reason(err) == "Forbidden":
		return "docker multiarch doctor shows which rights are missing; docs/kubernetes.md has the Role that suffices"
	}
	return ""
}
