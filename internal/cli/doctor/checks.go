package doctor

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/go-units"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func checkEngine(host string, info engine.Info) check {
	store := "classic image store (one platform per image)"
	if info.ContainerdStore {
		store = "containerd image store (several platforms per image)"
	}
	detail := fmt.Sprintf("Docker Engine %s on %s (%s), %s, %d CPUs, %s", info.Version, info.Name, host, info.Arch, info.NCPU, store)
	c := check{Name: "engine", Grade: gradeOK, Detail: detail}
	switch {
	case info.OSType != "linux":
		c.Grade, c.Fix = gradeBroken, "switch the engine to Linux containers"
	case info.Rootless:
		c.Grade, c.Detail = gradeWarning, detail+", rootless: it cannot install emulators"
		c.Fix = emulation.InstallPackage + " on its machine, or use a rootful engine"
	case info.UserNS:
		c.Grade, c.Detail = gradeWarning, detail+", containers in a user namespace: it cannot install emulators"
		c.Fix = "run once: " + emulation.ByHand(emulation.DefaultImage, "all")
	}
	return c
}

// checkBuilders checks the builders. A missing builder is not a fault, since the next build makes it, but its image must be available.
func checkBuilders(ctx context.Context, w *cli.Env) []check {
	list, err := container.List(ctx, w.Engine())
	if err != nil {
		return []check{{Name: "builder", Grade: gradeBroken, Detail: err.Error()}}
	}
	trusted, err := w.Trusted(nil)
	if err != nil {
		return []check{{Name: "builder", Grade: gradeBroken, Detail: err.Error(), Fix: explain.Hint(err)}}
	}
	images := w.Images(w.Engine(), trusted)
	var checks []check
	for _, b := range list {
		name := b.Builder
		if b.OnHost {
			name += " on the host's network"
		}
		c := check{Name: "builder", Grade: gradeOK, Detail: fmt.Sprintf("%s: %s, BuildKit %s, image %s", name, b.State, cli.OrDash(b.BuildKit), b.Image)}
		if img, _, err := container.ImageOf(ctx, images, b.Endpoint()); err == nil {
			c.Detail += ", " + cli.BasisText(img)
			if img.Basis == trust.None {
				c.Grade = gradeWarning
				c.Fix = fmt.Sprintf("docker pull %s, or trust the image by its ID: %s=%s", img.Ref, cli.TrustVariable, img.ID)
			}
		}
		if b.State != "running" && b.State != "exited" && b.State != "created" && b.State != "paused" {
			c.Grade, c.Fix = gradeWarning, "docker multiarch builder rm --keep-state "+b.Builder
		}
		checks = append(checks, c)
	}
	if len(checks) > 0 {
		return checks
	}
	c := check{Name: "builder", Grade: gradeOK, Detail: "none yet; the first build creates one from " + container.DefaultImage}
	if has, err := w.Engine().HasImage(ctx, container.DefaultImage); err == nil && !has {
		c.Grade, c.Detail = gradeWarning, c.Detail+", which the engine does not have yet"
		c.Fix = "docker pull " + container.DefaultImage
	}
	return []check{c}
}

// checkEmulators checks the emulators. A build installs missing emulators, but it does not repair conflicting handlers.
func checkEmulators(info engine.Info, ins emulation.Inspection) []check {
	var runs, missing []string
	var checks []check
	for _, p := range emulators.Platforms() {
		name := platform.Format(p)
		sup, _ := ins.Arch(p.Architecture)
		v, why := ins.Verdict(p)
		if mode := ins.Mode(p); mode > emulation.None {
			runs = append(runs, name+" ("+modeText(mode, sup.Version)+")")
		}
		switch v {
		case emulation.OK, emulation.BuilderOnly:
		case emulation.Missing:
			missing = append(missing, name)
		case emulation.NoC:
			checks = append(checks, check{
				Name: "emulator", Grade: gradeWarning, Detail: name + ": " + why, Fix: "docker multiarch emulators install --force " + name,
			})
		default:
			fix := (&emulation.MissingError{Platforms: []platform.Platform{p}, Status: ins.Status}).Replaceable()
			c := check{Name: "emulator", Grade: gradeBroken, Detail: name + ": " + why}
			if len(fix) > 0 {
				c.Fix = "docker multiarch emulators install --force " + name
			}
			checks = append(checks, c)
		}
	}
	first := check{Name: "emulators", Grade: gradeOK, Detail: "runs " + strings.Join(runs, ", ")}
	if len(missing) > 0 {
		first.Detail += "; does not run " + strings.Join(missing, ", ") + ": a build installs what it needs"
		if info.Rootless || info.UserNS {
			first.Grade, first.Detail = gradeWarning, strings.Replace(first.Detail, "a build installs what it needs", "this engine cannot install them", 1)
		}
	}
	if ins.HandlersUnknown != "" {
		first.Detail += "; the handlers could not be read: " + ins.HandlersUnknown
	}
	return append([]check{first}, checks...)
}

func modeText(m emulation.Mode, version string) string {
	if m == emulation.Emulated && version != "" {
		return "qemu " + version
	}
	return m.String()
}

// With less free space than this a build is likely to fail, or will fail.
const (
	littleDisk = 5 << 30
	noDisk     = 512 << 20
)

func checkDisk(ins emulation.Inspection) check {
	if ins.FreeDisk < 0 {
		return check{Name: "disk", Grade: gradeWarning, Detail: "the engine does not show how much of its disk is free"}
	}
	c := check{Name: "disk", Grade: gradeOK, Detail: fmt.Sprintf("%s of %s free where the engine keeps its data",
		units.BytesSize(float64(ins.FreeDisk)), units.BytesSize(float64(ins.Disk)))}
	if ins.FreeDisk < littleDisk {
		c.Grade, c.Fix = gradeWarning, "docker system prune, or docker multiarch builder rm, which removes a builder and its cache"
	}
	if ins.FreeDisk < noDisk {
		c.Grade = gradeBroken
	}
	return c
}

// checkRegistries shows the registry settings of the engine and the client.
func checkRegistries(info engine.Info) []check {
	checks := []check{
		{Name: "registries", Grade: gradeOK, Detail: "insecure: " + cli.OrNone(info.InsecureRegistries)},
		{Name: "registries", Grade: gradeOK, Detail: "mirrors of Docker Hub: " + cli.OrNone(info.Mirrors)},
	}
	certs, notes, err := buildkitd.LoadCerts(cli.CertDirs()...)
	if err != nil {
		return append(checks, check{Name: "certificates", Grade: gradeBroken, Detail: err.Error(), Fix: "correct the file, or remove it"})
	}
	names := slices.Sorted(maps.Keys(certs))
	checks = append(checks, check{Name: "certificates", Grade: gradeOK, Detail: "CAs and client keys for: " + cli.OrNone(names)})
	for _, n := range notes {
		checks = append(checks, check{Name: "certificates", Grade: gradeWarning, Detail: n})
	}
	return checks
}

// checkHelpers looks for the credential helpers, and for the file that names them.
func checkHelpers(cfg *configfile.ConfigFile) []check {
	users := map[string][]string{}
	if cfg.CredentialsStore != "" {
		users[cfg.CredentialsStore] = []string{"all registries"}
	}
	for host, helper := range cfg.CredentialHelpers {
		users[helper] = append(users[helper], host)
	}
	var checks []check
	for _, helper := range slices.Sorted(maps.Keys(users)) {
		slices.Sort(users[helper])
		program := "docker-credential-" + helper
		c := check{Name: "credentials", Grade: gradeOK, Detail: fmt.Sprintf("helper %s for %s", program, strings.Join(users[helper], ", "))}
		if _, err := exec.LookPath(program); err != nil {
			c.Grade, c.Detail = gradeBroken, c.Detail+": not found on the PATH"
			c.Fix = fmt.Sprintf("install %s, or remove it from %s", program, configName(cfg))
		}
		checks = append(checks, c)
	}
	if len(checks) > 0 {
		return checks
	}
	detail := "no helper; " + configName(cfg) + " has credentials for: " + cli.OrNone(slices.Sorted(maps.Keys(cfg.AuthConfigs)))
	return []check{{Name: "credentials", Grade: gradeOK, Detail: detail}}
}

func configName(cfg *configfile.ConfigFile) string {
	if cfg.Filename != "" {
		return cfg.Filename
	}
	return filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json")
}
