package engine

import (
	"context"
	"errors"
	"net"
	"strings"
)

// gatewayName is looked up in nothing but the file that the engine writes.
const gatewayName = "host-gateway.docker-multiarch"

// HostGateway is the address that the engine puts in the place of "host-gateway" (docker run --add-host): how its containers reach
// the machine that it runs on. The engine tells it to a container only, so one is made of image, which must be on the engine, and
// is removed again.
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
