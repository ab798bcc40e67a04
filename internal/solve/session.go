package solve

import (
	"fmt"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
)

// attachables are what one solve's own session offers: secrets, ssh agents, registry credentials, and the spooled context.
func (r Request) attachables(auth session.Attachable) ([]session.Attachable, error) {
	var list []session.Attachable
	if auth != nil {
		list = append(list, auth)
	}
	if len(r.Secrets) > 0 {
		store, err := secretsprovider.NewStore(r.Secrets)
		if err != nil {
			return nil, fmt.Errorf("--secret: %w", err)
		}
		list = append(list, secretsprovider.NewSecretProvider(store))
	}
	if len(r.SSH) > 0 {
		agents, err := sshprovider.NewSSHAgentProvider(r.SSH)
		if err != nil {
			return nil, fmt.Errorf("--ssh: %w", err)
		}
		list = append(list, agents)
	}
	return append(list, r.Source.Attachables()...), nil
}
