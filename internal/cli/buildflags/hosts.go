package buildflags

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
)

// hostGateway stands for the address of the engine's host in --add-host.
const hostGateway = "host-gateway"

// ParseHosts returns hosts in BuildKit's form, "host=ip", with commas between several addresses. host-gateway stays as it is, since
// only the engine knows its address.
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

// ResolveGateway replaces host-gateway by the address of the engine's host.
func ResolveGateway(ctx context.Context, hosts []string, gateway func(context.Context) (string, error)) ([]string, error) {
	isGateway := func(h string) bool { return strings.HasSuffix(h, "="+hostGateway) }
	if !slices.ContainsFunc(hosts, isGateway) {
		return hosts, nil
	}
	if gateway == nil {
		return nil, fmt.Errorf("--add-host: a builder without an engine has no %s", hostGateway)
	}
	address, err := gateway(ctx)
	if err != nil {
		return nil, fmt.Errorf("--add-host: unable to derive the IP value for %s: %w", hostGateway, err)
	}
	resolved := slices.Clone(hosts)
	for i, h := range resolved {
		if isGateway(h) {
			resolved[i] = strings.TrimSuffix(h, hostGateway) + address
		}
	}
	return resolved, nil
}
