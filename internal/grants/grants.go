// Package grants gives each node of a build only the secrets and SSH agents that it needs.
package grants

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/sshforward"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// Grants are the secrets and SSH agents that a node may use: those that the graphs of its platforms mount. Before the graphs are known these
// are only the logins for a remote build context, which the node reads. A nil value grants everything.
type Grants struct {
	mu      sync.Mutex
	all     bool
	logins  bool // for git and http sources
	secrets map[string]bool
	agents  map[string]bool
}

// loginSecrets are the beginnings of the names by which BuildKit asks for logins of git and http sources (client/llb/source.go,
// source/http/source.go).
var loginSecrets = []string{llb.GitAuthTokenKey, llb.GitAuthHeaderKey, httpHeaderSecret, httpTokenSecret}

// The names continue with the host. BuildKit asks for them without an attribute of the source.
const httpHeaderSecret, httpTokenSecret = "HTTP_AUTH_HEADER_", "HTTP_AUTH_TOKEN_" //nolint:gosec // names of secrets

// New returns the grants of a node whose graphs are not known. remote: the build context is a git or http source.
func New(remote bool) *Grants {
	return &Grants{logins: remote, secrets: map[string]bool{}, agents: map[string]bool{}}
}

// Add grants what the steps of a graph use. opaque: the steps are not known, so it grants everything.
func (g *Grants) Add(of graph.Graph, opaque bool) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = g.all || opaque
	for _, s := range of.Steps {
		for _, m := range s.Mounts {
			switch m.Type {
			case "secret":
				g.secrets[m.ID] = true
			case "ssh":
				g.agents[agentID(m.ID)] = true
			}
		}
		for _, attr := range []string{pb.AttrAuthHeaderSecret, pb.AttrAuthTokenSecret, pb.AttrHTTPAuthHeaderSecret} {
			if id := s.Attrs[attr]; id != "" {
				g.secrets[id] = true
			}
		}
		if id := s.Attrs[pb.AttrMountSSHSock]; id != "" {
			g.agents[agentID(id)] = true
		}
		if from, err := url.Parse(s.Source); err == nil && (from.Scheme == "https" || from.Scheme == "http") {
			g.secrets[httpHeaderSecret+from.Hostname()], g.secrets[httpTokenSecret+from.Hostname()] = true, true
		}
	}
}

// secret reports whether the node may have a secret. BuildKit asks for the login of a git host by the secret's name with the host added.
func (g *Grants) secret(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all || g.secrets[id] || g.logins && slices.ContainsFunc(loginSecrets, func(prefix string) bool { return strings.HasPrefix(id, prefix) }) {
		return true
	}
	for granted := range g.secrets {
		if strings.HasPrefix(id, granted+".") {
			return true
		}
	}
	return false
}

// agent reports whether the node may use an SSH agent. BuildKit asks for that of a git context by its default name.
func (g *Grants) agent(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	id = agentID(id)
	return g.all || g.agents[id] || g.logins && id == sshforward.DefaultID
}

func agentID(id string) string {
	if id == "" {
		return sshforward.DefaultID
	}
	return id
}

// Secrets returns a store that gives the node only what it was granted.
func (g *Grants) Secrets(all secrets.SecretStore) secrets.SecretStore { return guardedSecrets{all, g} }

// Agents returns the SSH agents of which the node may use those that it was granted.
func (g *Grants) Agents(all session.Attachable) (session.Attachable, error) {
	server, ok := all.(sshforward.SSHServer)
	if !ok {
		return nil, fmt.Errorf("%T serves no SSH agents", all)
	}
	return guardedAgents{server, g}, nil
}

// guardedSecrets is a store of secrets that gives a node only what it was granted.
type guardedSecrets struct {
	secrets.SecretStore
	grants *Grants
}

// GetSecret implements secrets.SecretStore.
func (s guardedSecrets) GetSecret(ctx context.Context, id string) ([]byte, error) {
	if s.grants != nil && !s.grants.secret(id) {
		return nil, secrets.ErrNotFound
	}
	return s.SecretStore.GetSecret(ctx, id)
}

// guardedAgents are SSH agents of which a node may use only those that it was granted.
type guardedAgents struct {
	sshforward.SSHServer
	grants *Grants
}

// Register implements session.Attachable.
func (a guardedAgents) Register(server *grpc.Server) { sshforward.RegisterSSHServer(server, a) }

// CheckAgent implements sshforward.SSHServer.
func (a guardedAgents) CheckAgent(ctx context.Context, req *sshforward.CheckAgentRequest) (*sshforward.CheckAgentResponse, error) {
	if err := a.check(req.GetID()); err != nil {
		return nil, err
	}
	return a.SSHServer.CheckAgent(ctx, req)
}

// ForwardAgent implements sshforward.SSHServer.
func (a guardedAgents) ForwardAgent(stream sshforward.SSH_ForwardAgentServer) error {
	id := ""
	if md, ok := metadata.FromIncomingContext(stream.Context()); ok {
		if values := md[sshforward.KeySSHID]; len(values) > 0 {
			id = values[0]
		}
	}
	if err := a.check(id); err != nil {
		return err
	}
	return a.SSHServer.ForwardAgent(stream)
}

func (a guardedAgents) check(id string) error {
	if a.grants != nil && !a.grants.agent(id) {
		return status.Errorf(codes.NotFound, "no step of this node's platforms uses the SSH agent %q", agentID(id))
	}
	return nil
}
