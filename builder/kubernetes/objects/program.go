package objects

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	// ProgramLabel is a label on everything that is made for a program; its value is the name of the pod.
	ProgramLabel = prefix + "program"
	// LastsAnnotation says for how many seconds it is needed at most.
	LastsAnnotation = prefix + "lasts"
	// ProgramContainer is the container of a program's pod.
	ProgramContainer = "program"
)

// These are the networks that a program may have.
const (
	NoNetwork   = ""        // a policy forbids all traffic
	PodNetwork  = "default" // that of any pod
	HostNetwork = "host"    // that of the machine
)

// Program is a program of an image that runs once, in a pod of its own.
type Program struct {
	Name     string // of the pod, and of everything else that is made for it
	Image    string // with its digest
	Platform platform.Platform
	// Machines are machines of other architectures whose kernels run the platform; nil: there are none.
	Machines []string

	Command, Args []string // nil: the image's
	Env           []string // "KEY=VALUE"
	User          string   // numbers, "USER" or "USER:GROUP"; "": the image's
	Workdir       string   // "": the image's
	Network       string
	Memory        int64         // bytes
	Stdin         bool          // it reads a standard input
	Lasts         time.Duration // the cluster ends it then
	Login         []byte        // a .dockerconfigjson, with which the image is pulled; nil: none but those that the options name
}

// HasPullSecrets reports whether the options name logins for pulls.
func (o Options) HasPullSecrets() bool { return len(o.pullSecrets) > 0 }

// Program returns the objects for a program, the pod last, as JSON. The pod is placed as the pods of the node are, apart from its
// architecture.
func (o Options) Program(p Program) ([]byte, error) {
	pod, err := o.programPod(p)
	if err != nil {
		return nil, err
	}
	meta := func() object {
		return object{
			"name":        p.Name,
			"labels":      map[string]string{"app.kubernetes.io/managed-by": manager, ProgramLabel: p.Name},
			"annotations": map[string]string{LastsAnnotation: strconv.Itoa(int(p.Lasts.Seconds()))},
		}
	}
	var items []object
	if p.Network == NoNetwork {
		items = append(items, object{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta(), "spec": object{
			"podSelector": object{"matchLabels": map[string]string{ProgramLabel: p.Name}}, "policyTypes": []string{"Ingress", "Egress"},
		}})
	}
	if p.Login != nil {
		items = append(items, object{
			"apiVersion": "v1", "kind": "Secret", "metadata": meta(), "type": "kubernetes.io/dockerconfigjson",
			"data": map[string][]byte{".dockerconfigjson": p.Login},
		})
	}
	items = append(items, object{"apiVersion": "v1", "kind": "Pod", "metadata": meta(), "spec": pod})
	return json.Marshal(object{"apiVersion": "v1", "kind": "List", "items": items})
}

func (o Options) programPod(p Program) (object, error) {
	container, err := programContainer(p)
	if err != nil {
		return nil, err
	}
	spec := object{
		"containers":                    []object{container},
		"restartPolicy":                 "Never",
		"activeDeadlineSeconds":         int(p.Lasts.Seconds()),
		"terminationGracePeriodSeconds": 1,
		"automountServiceAccountToken":  false,
		"enableServiceLinks":            false,
		"nodeSelector":                  o.programNodes(p.Platform.OS),
		"affinity":                      object{"nodeAffinity": nodeAffinity(p)},
	}
	secrets := o.pullSecrets
	if p.Login != nil {
		secrets = append(slices.Clip(secrets), p.Name)
	}
	o.place(spec, secrets)
	setIf(spec, "hostNetwork", true, p.Network == HostNetwork)
	return spec, nil
}

// programNodes is the user's selection of machines without its architecture: the platform of the program has another one.
func (o Options) programNodes(system string) map[string]string {
	at := map[string]string{optOS: system}
	for key, value := range o.nodeSelector {
		if key != optPlatform && key != optOS {
			at[key] = value
		}
	}
	return at
}

// nodeAffinity requires a machine that runs the platform, and prefers a native one.
func nodeAffinity(p Program) object {
	native := object{"matchExpressions": []object{{"key": optPlatform, "operator": "In", "values": machinesFor(p.Platform.Architecture)}}}
	terms := []object{native}
	for _, name := range p.Machines {
		terms = append(terms, object{"matchFields": []object{{"key": "metadata.name", "operator": "In", "values": []string{name}}}})
	}
	affinity := object{"requiredDuringSchedulingIgnoredDuringExecution": object{"nodeSelectorTerms": terms}}
	if len(terms) > 1 {
		affinity["preferredDuringSchedulingIgnoredDuringExecution"] = []object{{"weight": 100, "preference": native}}
	}
	return affinity
}

// machinesFor returns the architectures of machines that run programs of an architecture natively.
func machinesFor(arch string) []string {
	machines := []string{arch}
	for wide, narrow := range narrower {
		if narrow == arch {
			machines = append(machines, wide)
		}
	}
	return machines
}

func programContainer(p Program) (object, error) {
	security := object{"seccompProfile": object{"type": "RuntimeDefault"}} // as engines confine containers
	if err := setUser(security, p.User); err != nil {
		return nil, err
	}
	memory := strconv.FormatInt(p.Memory, 10)
	container := object{
		"name": ProgramContainer, "image": p.Image, "imagePullPolicy": "IfNotPresent", "securityContext": security,
		// Without a request, the limit would be one: a test reserves nothing on an engine either.
		"resources": object{"limits": map[string]string{"memory": memory}, "requests": map[string]string{"memory": "0", "cpu": "0"}},
	}
	setIf(container, "command", literal(p.Command), len(p.Command) > 0)
	setIf(container, "args", literal(p.Args), len(p.Args) > 0)
	setIf(container, "env", programEnv(p.Env), len(p.Env) > 0)
	setIf(container, "workingDir", p.Workdir, p.Workdir != "")
	setIf(container, "stdin", true, p.Stdin)
	setIf(container, "stdinOnce", true, p.Stdin)
	return container, nil
}

// literal escapes words in which Kubernetes would replace $(NAME).
func literal(words []string) []string {
	words = slices.Clone(words)
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, "$", "$$")
	}
	return words
}

func programEnv(env []string) (list []object) {
	for _, pair := range literal(env) {
		name, value, _ := strings.Cut(pair, "=")
		list = append(list, object{"name": name, "value": value})
	}
	return list
}

// setUser sets the user of a container. Names are known only in the image, and a pod takes numbers.
func setUser(security object, user string) error {
	if user == "" {
		return nil
	}
	id, group, grouped := strings.Cut(user, ":")
	for _, part := range []struct{ field, number string }{{"runAsUser", id}, {"runAsGroup", group}} {
		if part.field == "runAsGroup" && !grouped {
			continue
		}
		n, err := strconv.ParseInt(part.number, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("a pod takes a user as numbers, such as 1000 or 1000:1000, and not %q", user)
		}
		security[part.field] = n
	}
	return nil
}
