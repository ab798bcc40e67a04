package buildcmd

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// fetcher downloads the Dockerfile that -f names by its URL. This machine does it, before the build: so all platforms have the same
// bytes, and a wrong address is said before any work.
func fetcher(version string) func(ctx context.Context, url string) (io.ReadCloser, error) {
	return func(ctx context.Context, url string) (io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", "docker-multiarch/"+version)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			_ = resp.Body.Close()
			return nil, fmt.Errorf("the server answers %s", resp.Status)
		}
		return resp.Body, nil
	}
}
