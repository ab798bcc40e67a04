package objects

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"
	"go.yaml.in/yaml/v3"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// DefaultTimeout is how long pods may take to be ready.
const DefaultTimeout = 120 * time.Second

// Options are the driver options of a node, read. The zero value is that of no options; [Options.Image] and others then have defaults.
type Options struct {
	Namespace   string // "": that of the endpoint
	HostNetwork bool
	Rootless    bool
	Random      bool // a build uses any of the pods, not the best one
	Replicas    int
	Timeout     time.Duration // for pods to be ready
	Patient     bool          // the user has given the timeout: what stands in the way may go away within it

	image                   string
	resources               resources
	storage, storageClass   string
	memoryVolume            string
	nodeSelector            map[string]string
	annotations, labels     map[string]string
	tolerations             []any
	serviceAccount          string
	schedulerName, priority string
	pullSecrets             []string
	affinity                map[string]any
	spread                  []any
	security                map[string]any
	evictable               bool
	qemu                    bool
	qemuImage               string
	qemuResources           resources
	env                     map[string]string
}

const (
	optPlatform = "kubernetes.io/arch"
	optOS       = "kubernetes.io/os"
	optEnv      = builder.EnvOption // followed by the variable's name
	optStorage  = "persistent-volume-claim.requests.storage"
)

// option reads the value of an option.
type option func(o *Options, value string) error

// table has every option but env.*, by the names of docker buildx's driver as far as that has them.
func table() map[string]option {
	t := map[string]option{
		"image":                       imageName(func(o *Options) *string { return &o.image }),
		"namespace":                   objectName(func(o *Options) *string { return &o.Namespace }),
		"replicas":                    replicas,
		"rootless":                    truth(func(o *Options) *bool { return &o.Rootless }),
		"timeout":                     timeout,
		"loadbalance":                 loadBalance,
		"network":                     network,
		"nodeselector":                pairs(func(o *Options) *map[string]string { return &o.nodeSelector }),
		"annotations":                 pairs(func(o *Options) *map[string]string { return &o.annotations }),
		"labels":                      pairs(func(o *Options) *map[string]string { return &o.labels }),
		"tolerations":                 tolerations,
		"serviceaccount":              objectName(func(o *Options) *string { return &o.serviceAccount }),
		"schedulername":               objectName(func(o *Options) *string { return &o.schedulerName }),
		"priorityclass":               objectName(func(o *Options) *string { return &o.priority }),
		"imagepullsecrets":            pullSecrets,
		"affinity":                    document(func(o *Options, v map[string]any) { o.affinity = v }),
		"securitycontext":             document(func(o *Options, v map[string]any) { o.security = v }),
		"topologyspread":              document(func(o *Options, v []any) { o.spread = v }),
		"safe-to-evict":               truth(func(o *Options) *bool { return &o.evictable }),
		optStorage:                    size(func(o *Options) *string { return &o.storage }),
		"storageclass":                objectName(func(o *Options) *string { return &o.storageClass }),
		"buildkit-root-volume-memory": size(func(o *Options) *string { return &o.memoryVolume }),
		"qemu.install":                truth(func(o *Options) *bool { return &o.qemu }),
		"qemu.image":                  imageName(func(o *Options) *string { return &o.qemuImage }),
		"default-load":                noLoad,
	}
	for _, kind := range []string{"requests", "limits"} {
		for _, name := range []string{"cpu", "memory", "ephemeral-storage"} {
			t[kind+"."+name] = quantityOf(kind, name, func(o *Options) *resources { return &o.resources })
			t["qemu."+kind+"."+name] = quantityOf(kind, name, func(o *Options) *resources { return &o.qemuResources })
		}
	}
	return t
}

// OptionNames lists the known options, sorted, for messages and completion.
func OptionNames() []string {
	return append(slices.Sorted(maps.Keys(table())), optEnv+"<name>")
}

// ReadFiles returns driver options with the content of the files that @FILE names in the options whose values are documents.
func ReadFiles(given map[string]string) (map[string]string, error) {
	out := maps.Clone(given)
	for _, k := range []string{"affinity", "securitycontext", "topologyspread"} {
		file, named := strings.CutPrefix(out[k], "@")
		if !named {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("driver option %s: %w", k, err)
		}
		out[k] = string(data)
	}
	return out, nil
}

// Parse reads driver options. Options that contradict one another are an error.
func Parse(given map[string]string) (Options, error) {
	o := Options{Replicas: 1, Timeout: DefaultTimeout, env: map[string]string{}}
	known := table()
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if name, ok := strings.CutPrefix(k, optEnv); ok && name != "" {
			o.env[name] = given[k]
			continue
		}
		read, ok := known[k]
		if !ok {
			return o, builder.UnknownOption(k, OptionNames())
		}
		if err := read(&o, given[k]); err != nil {
			return o, fmt.Errorf("driver option %s: %w", k, err)
		}
	}
	return o, o.contradiction()
}

// contradiction returns an error for options that cannot hold at the same time, or that have no effect without another one.
func (o Options) contradiction() error {
	switch {
	case o.storage != "" && o.memoryVolume != "":
		return fmt.Errorf("driver options %s and buildkit-root-volume-memory contradict each other: the cache is on a volume, or in memory", optStorage)
	case o.storageClass != "" && o.storage == "":
		return fmt.Errorf("driver option storageclass has no effect without %s, the size of the volume", optStorage)
	case o.Rootless && o.security["privileged"] == true:
		return errors.New("driver options rootless=true and securitycontext contradict each other: the latter asks for a privileged container")
	case !o.qemu && (o.qemuImage != "" || !o.qemuResources.empty()):
		return errors.New("driver options qemu.* have no effect without qemu.install=true")
	}
	if err := o.qemuResources.contradiction("qemu."); err != nil {
		return err
	}
	return o.resources.contradiction("")
}

// aName is what the names of objects are: a part of a DNS name, or several (RFC 1123).
var aName = lazyregexp.New(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

const maxObjectName = 253 // bytes

// CheckName returns an error if an object cannot have this name.
func CheckName(name string) error {
	if !aName().MatchString(name) || len(name) > maxObjectName {
		return fmt.Errorf("%q is no name of an object in a cluster: these have a-z, 0-9, dots and hyphens", name)
	}
	return nil
}

func objectName(field func(*Options) *string) option {
	return func(o *Options, v string) error {
		*field(o) = v
		return CheckName(v)
	}
}

func imageName(field func(*Options) *string) option {
	return func(o *Options, v string) error {
		*field(o) = v
		if _, err := reference.ParseNormalizedNamed(v); err != nil {
			return fmt.Errorf("%q is no name of an image: %w", v, err)
		}
		return nil
	}
}

func truth(field func(*Options) *bool) option {
	return func(o *Options, v string) (err error) {
		if *field(o), err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	}
}

func replicas(o *Options, v string) (err error) {
	if o.Replicas, err = strconv.Atoi(v); err != nil || o.Replicas < 1 {
		return fmt.Errorf("%q is no number of pods, 1 or more", v)
	}
	return nil
}

func timeout(o *Options, v string) (err error) {
	if o.Timeout, err = time.ParseDuration(v); err != nil || o.Timeout <= 0 {
		return fmt.Errorf("%q is no duration such as 90s or 5m", v)
	}
	o.Patient = true
	return nil
}

func loadBalance(o *Options, v string) error {
	if o.Random = v == "random"; !o.Random && v != "sticky" {
		return fmt.Errorf("%q is neither sticky nor random", v)
	}
	return nil
}

func network(o *Options, v string) error {
	if o.HostNetwork = v == "host"; !o.HostNetwork {
		return fmt.Errorf("%q is not possible: a pod is on a network of its own, or with host on that of its node", v)
	}
	return nil
}

func noLoad(_ *Options, v string) error {
	if v != "false" {
		return errors.New("it is always false: a build loads its result on request only")
	}
	return nil
}

// pairs reads K=V,K=V.
func pairs(field func(*Options) *map[string]string) option {
	return func(o *Options, v string) error {
		all := map[string]string{}
		for word := range strings.SplitSeq(v, ",") {
			key, value, ok := strings.Cut(strings.TrimSpace(word), "=")
			switch {
			case !ok || key == "":
				return fmt.Errorf("%q is not of the form KEY=VALUE,KEY=VALUE", v)
			case strings.HasPrefix(key, prefix):
				return fmt.Errorf("%s is a name that docker multiarch uses itself", key)
			}
			all[key] = value
		}
		*field(o) = all
		return nil
	}
}

func pullSecrets(o *Options, v string) error {
	o.pullSecrets = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
	if len(o.pullSecrets) == 0 {
		return errors.New("it names no secret")
	}
	for _, secret := range o.pullSecrets {
		if err := CheckName(secret); err != nil {
			return err
		}
	}
	return nil
}

// tolerations reads key=K,operator=O,value=V,effect=E,tolerationSeconds=N, several separated by semicolons.
func tolerations(o *Options, v string) error {
	o.tolerations = nil
	for list := range strings.SplitSeq(v, ";") {
		one := map[string]any{}
		for word := range strings.SplitSeq(list, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(word), "=")
			switch key {
			case "key", "operator", "value", "effect":
				one[key] = value
			case "tolerationSeconds":
				seconds, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					return fmt.Errorf("tolerationSeconds: %q is no number", value)
				}
				one[key] = seconds
			default:
				return fmt.Errorf("%q is none of key, operator, value, effect, tolerationSeconds", key)
			}
		}
		if _, has := one["value"]; has && one["operator"] == "Exists" {
			return errors.New("the operator Exists has no value")
		}
		o.tolerations = append(o.tolerations, one)
	}
	return nil
}

// document reads YAML, of which JSON is a part.
func document[T any](set func(*Options, T)) option {
	return func(o *Options, v string) error {
		var doc T
		if err := yaml.Unmarshal([]byte(v), &doc); err != nil {
			return fmt.Errorf("it is no YAML or JSON of the right kind: %w", err)
		}
		set(o, doc)
		return nil
	}
}

func size(field func(*Options) *string) option {
	return func(o *Options, v string) error {
		*field(o) = v
		_, err := quantity(v)
		return err
	}
}
