package golang

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// things are the subjects of the service. Each has a package of its own.
var things = strings.Fields(`account address article basket category comment contact country coupon customer delivery department device document
	employee event invoice label message note offer order partner payment person product project purchase refund region report review room
	schedule shipment supplier task ticket vehicle warehouse`)

//go:embed service/*.tmpl
var templates embed.FS

// Service writes the source of a web service below dir, some thousand lines that are made from templates, with a Dockerfile of
// two stages whose argument BARE is the image to compile with. Its dependencies come from the module proxy, and are put beside it
// as a proxy of its own, so that a build needs no network.
func Service(ctx context.Context, dir string) error {
	texts, err := template.New("").Funcs(template.FuncMap{"title": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }}).ParseFS(templates, "service/*.tmpl")
	if err != nil {
		return err
	}
	put := func(name, from string, data any) error {
		var out bytes.Buffer
		if err := texts.ExecuteTemplate(&out, from, data); err != nil {
			return err
		}
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return os.WriteFile(name, out.Bytes(), 0o644)
	}
	for name, from := range map[string]string{"Dockerfile": "Dockerfile.tmpl", "go.mod": "go.mod.tmpl", "cmd/service/main.go": "main.tmpl", "web/web.go": "web.tmpl"} {
		if err := put(name, from, things); err != nil {
			return err
		}
	}
	for _, thing := range things {
		if err := put(filepath.Join(thing, thing+".go"), "thing.tmpl", thing); err != nil {
			return err
		}
	}
	return proxied(ctx, dir)
}

// proxied downloads the dependencies of the module in dir, and stores them in the layout of a proxy.
func proxied(ctx context.Context, dir string) error {
	modules, err := os.MkdirTemp("", "golang-modules-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(modules) }()
	for _, words := range [][]string{{"mod", "tidy"}, {"mod", "download"}} {
		cmd := exec.CommandContext(ctx, "go", words...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-modcacherw", "GOWORK=off", "GOMODCACHE="+modules)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s of the service: %w\n%s", strings.Join(words, " "), err, out)
		}
	}
	return os.CopyFS(filepath.Join(dir, "proxy"), os.DirFS(filepath.Join(modules, "cache/download")))
}
