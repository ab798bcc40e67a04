package remote

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// These are the options, in the words of docker buildx, and network, which the driver of containers has,
// too: a user who sets it permits builds to fetch from the BuildKit's host.
const (
	optCA      = "cacert"
	optCert    = "cert"
	optKey     = "key"
	optServer  = "servername"
	optLoad    = "default-load"
	optNetwork = "network"

	hostNetwork = "host"
)

// OptionNames lists the known options, sorted, for messages and completion.
func OptionNames() []string { return []string{optCA, optCert, optLoad, optKey, optNetwork, optServer} }

// ParseOptions reads values of --driver-opt: each a CSV list of key=value. Files are not read.
func ParseOptions(lists ...string) (map[string]string, error) {
	opts, err := builder.SplitOptions(lists...)
	if err != nil {
		return nil, err
	}
	return opts, checkOptions(opts)
}

func checkOptions(opts map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(opts)) {
		if err := checkOption(k, opts[k]); err != nil {
			return err
		}
	}
	has := func(k string) bool { return opts[k] != "" }
	switch {
	case has(optCert) && !has(optKey):
		return errors.New("driver option cert needs the option key as well: the private key of the certificate")
	case has(optKey) && !has(optCert):
		return errors.New("driver option key needs the option cert as well: the certificate of the key")
	case usesTLS(opts) && !has(optCA):
		return errors.New("TLS needs the driver option cacert: the certificate of the authority that issued BuildKit's")
	}
	return nil
}

func checkOption(k, v string) error {
	switch k {
	case optCA, optCert, optKey:
		if !filepath.IsAbs(v) {
			return fmt.Errorf("driver option %s: %q is not an absolute path", k, v)
		}
	case optServer:
		if v == "" {
			return fmt.Errorf("driver option %s: it is empty", k)
		}
	case optLoad:
		if _, err := strconv.ParseBool(v); err != nil {
			return fmt.Errorf("driver option %s: %q is neither true nor false", k, v)
		}
	case optNetwork:
		if v != hostNetwork {
			return fmt.Errorf("driver option %s: %q is not possible: a remote BuildKit is on the network that it was started on, which counts as %q", k, v, hostNetwork)
		}
	default:
		return builder.UnknownOption(k, OptionNames())
	}
	return nil
}

// usesTLS reports whether an option is for TLS.
func usesTLS(opts map[string]string) bool {
	return opts[optCA] != "" || opts[optCert] != "" || opts[optKey] != "" || opts[optServer] != ""
}
