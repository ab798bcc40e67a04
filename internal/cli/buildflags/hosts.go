package buildflags

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// hostGateway stands for the address of the engine's host in --add-host.
const hostGateway = solve.HostGateway

// ParseHosts returns hosts in BuildKit's form, "host=ip", with commas between several addresses. host-gateway stays as it is, since
// only the node's engine knows its address.
func ParseHosts(values []string) ([]string, error) {
	var hosts []string
	for _, v := range values {
		host, ips, ok := strings.Cut(v, "=")
		if !ok {
			host, ips, ok = strings.Cut(v, ":")
		}
		if !ok || host == "" {
			return nil, fmt.Errorf("--add-host %q is not of the form host:ip", v)
		}
		for ip := range strings.SplitSeq(ips, ",") {
			ip = strings.TrimSuffix(strings.TrimPrefix(ip, "["), "]")
			if ip != hostGateway && net.ParseIP(ip) == nil {
				return nil, fmt.Errorf("--add-host %q is not of the form host:ip", v)
			}
			hosts = append(hosts, host+"="+ip)
		}
	}
	return hosts, nil
}

// ResolveGateways asks the nodes for the addresses that host-gateway stands for on each, if a host has it.
func ResolveGateways(ctx context.Context, hosts []string, conn *cli.Connection) error {
	if !slices.ContainsFunc(hosts, func(h string) bool { return strings.HasSuffix(h, "="+hostGateway) }) {
		return nil
	}
	asking, ctx := errgroup.WithContext(ctx)
	for k, n := range conn.Nodes {
		asking.Go(func() (err error) {
			if n.Gateway == nil {
				return fmt.Errorf("--add-host: node %q has no %s, since no engine is known beside it", n.Endpoint.Name(), hostGateway)
			}
			if conn.Env.Nodes[k].HostGateway, err = n.Gateway(ctx); err != nil {
				return fmt.Errorf("--add-host: unable to derive the IP value for %s: %w", hostGateway, err)
			}
			return nil
		})
	}
	return asking.Wait()
}
