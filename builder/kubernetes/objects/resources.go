package objects

import (
	"fmt"
	"strconv"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// resources are what a container asks for at least, and what it gets at most.
type resources struct{ requests, limits map[string]string }

func (r resources) empty() bool { return len(r.requests)+len(r.limits) == 0 }

// object is the field resources of a container.
func (r resources) object() object {
	o := object{}
	if len(r.requests) > 0 {
		o["requests"] = r.requests
	}
	if len(r.limits) > 0 {
		o["limits"] = r.limits
	}
	return o
}

// contradiction returns an error if more is requested than is allowed.
func (r resources) contradiction(prefix string) error {
	for name, request := range r.requests {
		limit, limited := r.limits[name]
		if !limited {
			continue
		}
		least, _ := quantity(request) // both were read before
		most, _ := quantity(limit)
		if least > most {
			return fmt.Errorf("driver options %srequests.%s=%s and %slimits.%s=%s contradict each other: a request is never above the limit",
				prefix, name, request, prefix, name, limit)
		}
	}
	return nil
}

func quantityOf(kind, name string, field func(*Options) *resources) option {
	return func(o *Options, v string) error {
		if _, err := quantity(v); err != nil {
			return err
		}
		r := field(o)
		list := &r.requests
		if kind == "limits" {
			list = &r.limits
		}
		if *list == nil {
			*list = map[string]string{}
		}
		(*list)[name] = v
		return nil
	}
}

var quantityForm = lazyregexp.New(`^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]+)?$`)

// quantity reads an amount of a resource, as Kubernetes writes it. Source:
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
func quantity(text string) (float64, error) {
	m := quantityForm().FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no amount such as 500m, 2 or 4Gi", text)
	}
	number, suffix := m[1], m[2]
	if len(suffix) > 1 && (suffix[0] == 'e' || suffix[0] == 'E') && suffix != "Ei" {
		return strconv.ParseFloat(number+suffix, 64)
	}
	n, err := strconv.ParseFloat(number, 64)
	factors := map[string]float64{
		"": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
	}
	return n * factors[suffix], err
}

// SameSize reports whether two amounts are the same.
func SameSize(a, b string) bool {
	x, errA := quantity(a)
	y, errB := quantity(b)
	return errA == nil && errB == nil && x == y
}
