package kubernetes

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

const scheme = "kubernetes://"

// These are the parameters of an address.
const (
	paramContext    = "context"
	paramNamespace  = "namespace"
	paramKubeconfig = "kubeconfig"
)

// Address returns the address of a cluster: kubernetes://?context=…&namespace=…&kubeconfig=…. kubectl chooses when it
// is called where something is left out.
func Address(c kubectl.Client) string {
	query := url.Values{}
	for key, value := range map[string]string{paramContext: c.Context, paramNamespace: c.Namespace, paramKubeconfig: c.Kubeconfig} {
		if value != "" {
			query.Set(key, value)
		}
	}
	if len(query) == 0 {
		return scheme
	}
	return scheme + "?" + strings.ReplaceAll(query.Encode(), "%2F", "/") // as legible as a query may be
}

// ParseAddress reads an address, or the name of a context of kubectl's.
func ParseAddress(address string) (c kubectl.Client, err error) {
	if address == "" {
		return c, nil
	}
	if !strings.Contains(address, "://") {
		return kubectl.Client{Context: address}, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return c, fmt.Errorf("endpoint %q: %w", address, err)
	case u.Scheme+"://" != scheme || strings.Trim(u.Path, "/") != "" || u.User != nil || u.Fragment != "" || u.Host != "" && u.Port() != "":
		return c, fmt.Errorf("endpoint %q is none of Kubernetes: want the name of a context of kubectl, or %s?context=NAME&namespace=NAME&kubeconfig=/FILE",
			address, scheme)
	}
	query := u.Query()
	for key := range query {
		if !slices.Contains([]string{paramContext, paramNamespace, paramKubeconfig}, key) {
			return c, fmt.Errorf("endpoint %q: unknown parameter %q: known are context, namespace, kubeconfig", address, key)
		}
	}
	c = kubectl.Client{Context: query.Get(paramContext), Namespace: query.Get(paramNamespace), Kubeconfig: query.Get(paramKubeconfig)}
	if u.Host != "" && c.Context == "" {
		c.Context = u.Host
	}
	if c.Kubeconfig != "" && !filepath.IsAbs(c.Kubeconfig) {
		return c, fmt.Errorf("endpoint %q: kubeconfig is not an absolute path", address)
	}
	if c.Namespace != "" {
		if err := objects.CheckName(c.Namespace); err != nil {
			return c, fmt.Errorf("endpoint %q: namespace: %w", address, err)
		}
	}
	return c, nil
}
