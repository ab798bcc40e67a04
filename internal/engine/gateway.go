package engine

import (
	"context"
	"errors"
	"net"
	"strings"
)

// gatewayName is looked up only in the file that the engine writes.
const gatewayName = "host-gateway.docker-multiarch"

// HostGateway returns the address that the engine uses for "host-gateway" (docker run --add-host): how its containers reach the
// machine that it runs on. The engine reveals it only to a container, so HostGateway creates one from image, which must be on the
// engine, and removes it again.
func (e *Engine) HostGateway(ctx context.Context, image string) (string, error) {
	res, err := e.Run(ctx, RunSpec{Image: image, Entrypoint: []string{"cat", "/etc/hosts"}, ExtraHosts: []string{gatewayName + ":host-gateway"}})
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(res.Stdout)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == gatewayName && net.ParseIP(f[0]) != nil {
			return f[0], nil
		}
	}
	return "", errors.New("the engine has no address for it")
}
