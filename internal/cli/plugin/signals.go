package plugin

import (
	"net"
	"os"

	"github.com/docker/cli/cli-plugins/socket"
)

// signalledBefore reports whether the Docker CLI received a signal before it started this program. The Docker CLI then closes the
// socket by which it passes signals on (docker/cli, cmd/docker/docker.go), and package socket treats a closed socket as no socket.
func signalledBefore() bool {
	address, ok := os.LookupEnv(socket.EnvKey)
	if !ok {
		return false
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		return true
	}
	_ = conn.Close() // the connection only tested whether the socket is open
	return false
}
