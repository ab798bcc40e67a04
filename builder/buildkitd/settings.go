// Package buildkitd composes the configuration of a BuildKit daemon that this program starts:
// buildkitd.toml, made from the user's own file and the engine's settings for registries, the files
// that it names, flags and proxies. It reads the user's files and makes no requests.
package buildkitd

const (
	// Dir is the directory of the configuration in a container.
	Dir = "/etc/buildkit"
	// UserDir is the directory that keeps the user's own file, for when the container is replaced.
	UserDir = Dir + "/user"
)

// Settings are the user's settings for the daemon. The zero value is valid.
type Settings struct {
	Config   UserConfig        // from --builder-config
	Certs    Certs             // CA and client certificates for registries
	Proxies  map[string]string // proxy variables of the Docker config, any case; the engine's are added
	AddHosts []string          // "name:address", for the daemon's own lookups
	Flags    []string          // of buildkitd, from --buildkitd-flags: ParseFlags reads them
}
