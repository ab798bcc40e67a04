package buildcmd

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// fetcher returns the function that downloads the Dockerfile of a -f with a URL. The client downloads it once before the build, so all
// platforms get the same bytes, and a wrong address is reported before any work.
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
			return nil, fmt.Errorf("the server answered %s", resp.Status)
		}
		return resp.Body, nil
	}
}
