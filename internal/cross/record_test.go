//go:build record

package cross

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/tonistiigi/fsutil"
)

// TestRecord writes a real BuildKit's definitions of the Dockerfiles in testdata, for tests without a BuildKit:
//
//	BUILDKIT_HOST=docker-container://NAME go test -tags record -run TestRecord ./internal/cross
//
// Its registry must have the base images.
func TestRecord(t *testing.T) {
	c, err := client.New(t.Context(), os.Getenv("BUILDKIT_HOST"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dirs, err := filepath.Glob("testdata/recorded/*/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		here, err := fsutil.NewFS(dir)
		if err != nil {
			t.Fatal(err)
		}
		opt := client.SolveOpt{LocalMounts: map[string]fsutil.FS{"context": here, "dockerfile": here}}
		_, err = c.Build(t.Context(), opt, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			for _, target := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} { // in one session
				res, err := gw.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: map[string]string{
					"platform": target, "build-arg:BUILDKIT_CACHE_MOUNT_NS": target,
				}})
				if err != nil {
					return nil, err
				}
				if err := record(ctx, res, filepath.Join(dir, strings.ReplaceAll(target, "/", "-")+".llb")); err != nil {
					return nil, err
				}
			}
			return gateway.NewResult(), nil
		}, nil)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func record(ctx context.Context, res *gateway.Result, to string) error {
	ref, err := res.SingleRef()
	if err != nil {
		return err
	}
	st, err := ref.ToState()
	if err != nil {
		return err
	}
	def, err := st.Marshal(ctx)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	return llb.WriteTo(def, f)
}
