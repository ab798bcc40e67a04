package container

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
)

// settingsSchema is increased when this program begins to compose a builder in a way that makes older
// builders unusable; such a builder is replaced. A builder with a newer schema is left alone.
const settingsSchema = 1

// settings are those that a container was made with, or those that are requested. They are kept as JSON
// in a label, so long values are held as digests. The zero value of a field means "not given".
type settings struct {
	Schema  int    `json:"schema"`
	Image   string `json:"image,omitempty"`
	Network string `json:"network,omitempty"`
	// Chosen is the source of the choice of the host's network for all builds of the builder:
	// chosenByFlag or chosenByConfig; "" if there was none, and for other networks.
	Chosen   string            `json:"networkChosen,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
	Config   string            `json:"config,omitempty"` // digest of the user's file and the files that it names
	AddHosts []string          `json:"addHosts,omitempty"`
	Flags    []string          `json:"flags,omitempty"`     // of buildkitd, in the user's spelling
	Fixed    []string          `json:"platforms,omitempty"` // platforms that the user gave
	Certs    map[string]string `json:"certs,omitempty"`     // registry → digest of its files
	Insecure []string          `json:"insecure,omitempty"`  // of the engine
	Mirrors  []string          `json:"mirrors,omitempty"`   // of the engine

	// Env holds the proxies. They may contain passwords and are in the container's environment anyway,
	// so the label does not repeat them.
	Env map[string]string `json:"-"`
}

const (
	chosenByFlag   = "flag"   // create --driver-opt network=host
	chosenByConfig = "config" // a mirror on loopback in create --buildkitd-config
)

// keepsNetwork reports whether the builder's user has chosen its network.
func (s settings) keepsNetwork() bool {
	return s.Chosen != "" || s.Network != "" && s.Network != hostNetwork
}

func (s settings) label() string {
	out, err := json.Marshal(s)
	if err != nil { // strings, maps of strings and an int cannot fail
		panic(err)
	}
	return string(out)
}

func parseSettings(label string) (settings, error) {
	var s settings
	if err := json.Unmarshal([]byte(label), &s); err != nil {
		return settings{}, fmt.Errorf("label %s: %w", labelSettings, err)
	}
	return s, nil
}

// differences lists, as text for the user, the settings of want that have does not satisfy. The
// engine's own lists must be equal, since only the engine sets them. Any other setting may be in effect
// without being requested.
func differences(want, have settings) []string {
	var out []string
	if have.Schema < want.Schema {
		out = append(out, change("layout", fmt.Sprint(have.Schema), fmt.Sprint(want.Schema)))
	}
	if want.Image != "" && want.Image != have.Image {
		out = append(out, change("image", have.Image, want.Image))
	}
	out = append(out, networkChange(want, have)...)
	for _, k := range slices.Sorted(maps.Keys(want.Options)) {
		if v, ok := have.Options[k]; !ok || v != want.Options[k] {
			out = append(out, change("option "+k, builder.MaskOption(k, v), builder.MaskOption(k, want.Options[k])))
		}
	}
	if want.Config != "" && want.Config != have.Config {
		out = append(out, "the BuildKit configuration file has changed")
	}
	out = append(out, givenListChange("BuildKit flags", have.Flags, want.Flags)...)
	out = append(out, givenListChange("platforms", have.Fixed, want.Fixed)...)
	for _, h := range want.AddHosts {
		if !slices.Contains(have.AddHosts, h) {
			out = append(out, change("added host", "", h))
		}
	}
	for _, h := range slices.Sorted(maps.Keys(want.Certs)) {
		if have.Certs[h] != want.Certs[h] {
			out = append(out, "the certificates for "+h+" have changed")
		}
	}
	out = append(out, listChange("insecure registries of the engine", have.Insecure, want.Insecure)...)
	out = append(out, listChange("mirrors of the engine", have.Mirrors, want.Mirrors)...)
	return append(out, proxyChanges(have.Env, want.Env)...)
}

// networkChange treats the host's network separately: it is there for builds that ask for it, and for
// all builds if the builder's user has chosen it.
func networkChange(want, have settings) []string {
	switch {
	case want.Network == "" && have.Network == hostNetwork && have.Chosen == "",
		want.Network != "" && want.Network != have.Network:
		return []string{change("network", have.Network, want.Network)}
	case want.Chosen != "" && want.Chosen != have.Chosen:
		return []string{"the host's network is for all builds"}
	}
	return nil
}

func change(what, have, want string) string {
	return fmt.Sprintf("%s: %s → %s", what, cmp.Or(have, "none"), cmp.Or(want, "none"))
}

func listChange(what string, have, want []string) []string {
	if slices.Equal(have, want) {
		return nil
	}
	return []string{change(what, strings.Join(have, " "), strings.Join(want, " "))}
}

// givenListChange is listChange where an empty want means "not given".
func givenListChange(what string, have, want []string) []string {
	if len(want) == 0 {
		return nil
	}
	return listChange(what, have, want)
}

// proxyChanges reveals no password. Each variable exists in both cases, so the upper-case one is
// enough.
func proxyChanges(have, want map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if have[k] == want[k] || k != strings.ToUpper(k) {
			continue
		}
		if h, w := buildkitd.MaskProxy(have[k]), buildkitd.MaskProxy(want[k]); h != w {
			out = append(out, change(k, h, w))
		} else {
			out = append(out, "the password of "+k+" has changed")
		}
	}
	return out
}

// inherit completes want with the settings of have. Certificates and proxies are not inherited: their
// values belong to the user who gave them.
func inherit(want, have settings) settings {
	out := want
	if out.Image == "" {
		out.Image = have.Image
	}
	if out.Network == "" && have.keepsNetwork() {
		out.Network, out.Chosen = have.Network, have.Chosen
	}
	if out.Config == "" {
		out.Config = have.Config
	}
	if len(out.Flags) == 0 {
		out.Flags = have.Flags
	}
	if len(out.Fixed) == 0 {
		out.Fixed = have.Fixed
	}
	out.Options = maps.Clone(have.Options)
	if out.Options == nil {
		out.Options = map[string]string{}
	}
	maps.Copy(out.Options, want.Options)
	out.AddHosts = slices.Clone(want.AddHosts)
	for _, h := range have.AddHosts {
		if !slices.Contains(out.AddHosts, h) {
			out.AddHosts = append(out.AddHosts, h)
		}
	}
	return out
}
