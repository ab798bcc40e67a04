// Package buildkitd has what a BuildKit daemon that this program starts is
// configured by: buildkitd.toml, made of the user's own file and of what its
// engine knows of registries, the files that it names, flags and proxies. It
// reads the user's files and asks nobody.
package buildkitd

const (
	// Dir is where the configuration is in a container.
	Dir = "/etc/buildkit"
	// UserDir is where it is kept what the user's own file said, for a replacement.
	UserDir = Dir + "/user"
)

// Settings are what a user says about the daemon. The zero value is a good one.
type Settings struct {
	Config   UserConfig        // from --builder-config
	Certs    Certs             // CA and client certificates for registries
	Proxies  map[string]string // proxy variables of the Docker config, any case; the engine's are added
	AddHosts []string          // "name:address", for the daemon's own look-ups
	Flags    []string          // of buildkitd, from --buildkitd-flags: ParseFlags reads them
}
