package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// The first build is for a platform that no other row needs an emulator for.
const (
	firstBuilder  = "docker-multiarch-bench-first"
	firstHandler  = "/proc/sys/fs/binfmt_misc/qemu-s390x"
	firstEmulator = "/usr/bin/qemu-s390x-static"
	firstSize     = 2 << 30 // bytes, in memory
)

// first returns the row about an engine that has neither a builder nor the emulator. The peer's is registered by a privileged container, as
// images with emulators do it; both use the machine's QEMU.
func (w *world) first(ctx context.Context) ([]measure.Row, error) {
	if _, err := os.Stat(firstEmulator); err != nil {
		return nil, err
	}
	if _, err := os.Stat(firstHandler); err == nil {
		return nil, fmt.Errorf("%s is there already, and may be another program's", firstHandler)
	}
	engine, err := testenv.NewEngine("containerd", firstSize)
	if err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func(context.Context) { engine.Stop() })
	y, err := w.newWay("first", engine.Host())
	if err != nil {
		return nil, err
	}
	home := filepath.Join(w.dir, "first-home")
	y.env = append(slices.Clip(y.env), "HOME="+home)
	image, err := w.carryImage(ctx, y)
	if err != nil {
		return nil, err
	}
	forget := func() error {
		for _, words := range [][]string{{"multiarch", "builder", "rm", "--force"}, {"buildx", "rm", "--force"}} {
			_, _ = w.docker(ctx, y, append(words, firstBuilder)...) // it is one of the two, or none
		}
		if _, err := os.Stat(firstHandler); err == nil {
			if err := os.WriteFile(firstHandler, []byte("-1"), 0); err != nil {
				return err
			}
		}
		return os.RemoveAll(home)
	}
	w.undo = append(w.undo, func(context.Context) { _ = forget() }) // before the engine goes
	dir := filepath.Join(w.dir, "first-build")
	if err := fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nRUN uname -m > /machine\n"); err != nil {
		return nil, err
	}
	build := func(program, name string) string {
		return fmt.Sprintf("docker %s build --builder %s --platform linux/amd64,linux/s390x -t %s --push %s", program, firstBuilder, w.tag("first-"+name), dir)
	}
	who := []measure.Contestant{
		{Name: measure.Ours, Cmd: []string{
			"docker multiarch builder create --driver-opt network=host --name " + firstBuilder,
			build("multiarch", measure.Ours),
		}, Env: y.env},
		{Name: measure.Peer, Cmd: []string{
			"docker buildx create --bootstrap --driver docker-container --driver-opt network=host,image=" + image + " --name " + firstBuilder,
			"docker run --rm --privileged -e HANDLER -v /usr/bin:/from:ro --entrypoint sh " + image + " -c '" +
				"mount -t binfmt_misc none /proc/sys/fs/binfmt_misc; printf %s \"$HANDLER\" >/proc/sys/fs/binfmt_misc/register'",
			build("buildx", measure.Peer) + " --provenance=false",
		}, Env: append(slices.Clip(y.env), "HANDLER="+firstRegistration)},
	}
	for i, c := range who {
		who[i].Cmd = []string{"sh", "-ec", strings.Join(c.Cmd, "\n")}
	}
	return []measure.Row{{
		Name: "the first build on an engine: builder, emulator, 2 platforms", Unit: measure.Millis, Runs: 3, Warm: 1, Want: ofPeer(0.9), Who: who, Before: forget,
	}}, nil
}

// firstRegistration is what `update-binfmts` would register for it, with the emulator as the privileged container sees it.
const firstRegistration = `:qemu-s390x:M::\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:` +
	`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/from/qemu-s390x-static:OCF`

// carryImage copies the builder's image from the environment's engine of that kind, and returns its name.
func (w *world) carryImage(ctx context.Context, to way) (string, error) {
	name, err := w.docker(ctx, w.ways[0], "inspect", "-f", "{{.Config.Image}}", "buildx_buildkit_"+peerBuilder+"0")
	if err != nil {
		return "", err
	}
	name = strings.TrimSpace(name)
	save := exec.CommandContext(ctx, "docker", "-H", os.Getenv("MULTIARCH_E2E_CONTAINERD"), "save", name)
	load := exec.CommandContext(ctx, "docker", "-H", to.host, "load")
	var said bytes.Buffer
	save.Stderr, load.Stdout, load.Stderr = &said, &said, &said
	if load.Stdin, err = save.StdoutPipe(); err != nil {
		return "", err
	}
	if err := errors.Join(load.Start(), save.Run(), load.Wait()); err != nil {
		return "", fmt.Errorf("copy %s: %w\n%s", name, err, said.Bytes())
	}
	return name, nil
}
