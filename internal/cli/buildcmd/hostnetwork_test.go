package buildcmd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
)

func TestReasonsThatMayRequestTheHostsNetwork(t *testing.T) {
	const loopback = "FROM alpine AS a\nFROM localhost:5000/base\n"
	for name, c := range map[string]struct {
		dockerfile, project string
		env                 map[string]string
		args                []string
		asks, unasked       string // the beginning, or parts, of the text; both "": no reference is on loopback
	}{
		"a tag": {args: []string{"--push", "-t", "localhost:5000/app"}, asks: "the tag localhost:5000/app:latest"},
		"the environment": {
			env: map[string]string{"DOCKER_MULTIARCH_IMAGE": "127.0.0.1:1/app"}, args: []string{"--push"}, asks: "the tag 127.0.0.1:1/app:latest",
		},
		"an output":                 {args: []string{"-o", "type=image,name=localhost:5000/app,push=true"}, asks: "the tag localhost:5000/app:latest"},
		"a cache":                   {args: []string{"-o", "out", "--cache-from", "localhost:5000/c"}, asks: "the cache localhost:5000/c"},
		"a build argument":          {dockerfile: "ARG B\nFROM $B\n", args: []string{"-o", "out", "--build-arg", "B=localhost:5000/b"}, asks: "the build argument B"},
		"a named context":           {args: []string{"-o", "out", "--build-context", "b=docker-image://localhost:5000/b"}, asks: "the named context b"},
		"a name that is not pushed": {args: []string{"-t", "localhost:5000/app", "-o", "type=oci,dest=x.tar"}},
		"a Dockerfile":              {dockerfile: loopback, args: []string{"-o", "out"}, unasked: "Dockerfile:2: FROM localhost:5000/base takes"},
		"a Dockerfile, and a tag": {
			dockerfile: loopback, args: []string{"--push", "-t", "localhost:5000/app"}, asks: "the tag localhost:5000/app:latest",
		},
		"a Dockerfile on standard input": {args: []string{"-o", "out", "-f", "-"}, dockerfile: loopback, unasked: ":2: FROM localhost:5000/base takes"},
		"other words of a Dockerfile":    {dockerfile: "ARG X=localhost:1\nFROM alpine\nRUN wait localhost:5432\n", args: []string{"-o", "out"}},
		"the project's file": {
			project: "# names\nimage: localhost:5000/app\n", args: []string{"--push"}, unasked: `.docker-multiarch.yaml:2: "localhost:5000/app:latest" is in a registry on loopback`,
		},
		"the project's file, not pushed": {project: "image: localhost:5000/app\n", args: []string{"-o", "type=oci,dest=x.tar"}},
		"the project's file and a cache": {
			project: "image: localhost:5000/app\n", args: []string{"--push", "--cache-from", "localhost:5000/c"}, asks: "the cache localhost:5000/c",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"build", "plan"} {
				s := newHarness(t)
				s.Vars = c.env
				if c.dockerfile != "" {
					s.Write("Dockerfile", c.dockerfile)
					s.Env.In = strings.NewReader(c.dockerfile)
				}
				if c.project != "" {
					s.Write(project.Name, c.project)
				}
				var got cli.HostNetwork
				s.Connecting = func(_ context.Context, o cli.ConnectOptions) error {
					got = o.Host
					return errors.Join(o.Host.PermissionErr, errors.New("enough"))
				}
				s.Command(append(append([]string{command}, c.args...), ".")...)
				text := ""
				if got.PermissionErr != nil {
					text = got.PermissionErr.Error()
				}
				if got.RequestedBy != c.asks || (text == "") != (c.unasked == "") || !strings.Contains(text, c.unasked) {
					t.Errorf("%s: %q asks, and %q: %s", command, got.RequestedBy, text, s.Err.String())
				}
				if text != "" {
					clitest.Contains(t, s.Err.String(), "Hint: ", "--driver-opt network=host")
				}
			}
		})
	}
}
