package enginetest

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// frames writes one stream of a multiplexed connection; the format is described
// at stdcopy.StdCopy.
type frames struct {
	w    io.Writer
	kind byte
}

func (f frames) Write(p []byte) (int, error) {
	header := [8]byte{0: f.kind}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p))) //nolint:gosec // tests write little
	if _, err := f.w.Write(append(header[:], p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// hijack answers a request with a raw connection.
func hijack(w http.ResponseWriter, r *http.Request) (net.Conn, io.Reader) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	return conn, buf.Reader
}

func (e *Engine) execCreate(w http.ResponseWriter, r *http.Request, c *Container) {
	if c.Status != container.StateRunning {
		refuse(w, http.StatusConflict, "Container %s is not running", c.ID)
		return
	}
	var req container.ExecCreateRequest
	_ = json.NewDecoder(r.Body).Decode(&req)
	e.serial++
	id := fmt.Sprintf("exec%d", e.serial)
	e.execs[id] = exec{c: c, cmd: req.Cmd, rc: new(int)}
	reply(w, http.StatusCreated, map[string]string{"Id": id})
}

func (e *Engine) execStart(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	x := e.execs[r.PathValue("id")]
	e.mu.Unlock()
	conn, stdin := hijack(w, r)
	defer conn.Close()
	if e.Dial != nil {
		if peer, ok := e.Dial(x.c, x.cmd); ok {
			go func() {
				_, _ = io.Copy(peer, stdin)
				_ = peer.Close()
			}()
			_, _ = io.Copy(frames{conn, 1}, peer)
			return
		}
	}
	rc := e.Process(x.c, x.cmd, stdin, frames{conn, 1}, frames{conn, 2})
	e.mu.Lock()
	*x.rc = rc
	e.mu.Unlock()
}

func (e *Engine) execInspect(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	reply(w, 200, map[string]any{"ID": r.PathValue("id"), "ExitCode": *e.execs[r.PathValue("id")].rc})
}

// attach runs a one-shot container's process: the caller attaches, then starts.
func (e *Engine) attach(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	c := e.find(r.PathValue("id"))
	e.mu.Unlock()
	conn, stdin := hijack(w, r)
	defer conn.Close()
	<-c.started
	cmd := append(append([]string{}, c.Config.Entrypoint...), c.Config.Cmd...)
	rc := e.Process(c, cmd, stdin, frames{conn, 1}, frames{conn, 2})
	e.mu.Lock()
	defer e.mu.Unlock()
	c.Status, c.ExitCode = container.StateExited, rc
	close(c.ended)
}

func (e *Engine) wait(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	c := e.find(r.PathValue("id"))
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
	case <-c.ended:
		e.mu.Lock()
		defer e.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]int{"StatusCode": c.ExitCode})
	}
}

// File returns the last content that was copied to a path of a container, nil if there is none.
func (c *Container) File(name string) []byte {
	var out []byte
	for _, a := range c.Archives {
		for r := tar.NewReader(bytes.NewReader(a)); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				panic(err)
			}
			if "/"+h.Name == name {
				out, _ = io.ReadAll(r)
			}
		}
	}
	return out
}

// copyFrom packs a file that was copied, or the files that were copied to a directory, as the engine does: under its own name.
func (e *Engine) copyFrom(w http.ResponseWriter, r *http.Request, c *Container) {
	dir := r.URL.Query().Get("path")
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for _, a := range c.Archives {
		for tr := tar.NewReader(bytes.NewReader(a)); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			rest, ok := strings.CutPrefix("/"+h.Name, dir)
			ok = ok && (rest == "" || rest[0] == '/')
			if err != nil || !ok {
				continue
			}
			h.Name = path.Join(path.Base(dir), rest)
			_ = tw.WriteHeader(h)
			_, _ = io.Copy(tw, tr) //nolint:gosec // the test's own files
		}
	}
	_ = tw.Close()
	w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(`{"name":"x"}`)))
	_, _ = w.Write(out.Bytes())
}
