package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

// TrustVariable has the IDs of images that the user trusts, with spaces or commas between them.
const TrustVariable = "DOCKER_MULTIARCH_TRUST_IMAGE"

// TrustFlag is the name of the flag for the same.
const TrustFlag = "trust-image"

// AddTrustFlag adds the flag for images that the user trusts.
func AddTrustFlag(f *pflag.FlagSet, ids *[]string) {
	f.StringArrayVar(ids, TrustFlag, nil,
		`ID ("sha256:…") of an image that may run with privileges, although the engine has not pulled it`)
}

// trustedFile stores the IDs that `builder create` was given, one a line. A user may remove lines.
func (w *Env) trustedFile() string { return filepath.Join(w.StateDir(), "trusted-images") }

// Trusted returns the images that the user trusts: by flags, by the environment, or stored by builder create. A project, or a label of
// an image or of a container, cannot add one.
func (w *Env) Trusted(words []string) ([]digest.Digest, error) {
	ids, err := parseTrust(words)
	if err != nil {
		return nil, err
	}
	value, _ := w.LookupEnv(TrustVariable)
	named, err := trust.ParseIDs(value)
	if err != nil {
		return nil, &Usage{Err: fmt.Errorf("%s: %w", TrustVariable, err)}
	}
	kept, err := w.readTrusted()
	return slices.Concat(ids, named, kept), err
}

func parseTrust(words []string) (all []digest.Digest, err error) {
	for _, word := range words {
		ids, err := trust.ParseIDs(word)
		if err == nil && len(ids) == 0 {
			err = errors.New("it is empty: give an image's ID")
		}
		if err != nil {
			return nil, &Usage{Err: fmt.Errorf("--%s: %w", TrustFlag, err)}
		}
		all = append(all, ids...)
	}
	return all, nil
}

func (w *Env) readTrusted() ([]digest.Digest, error) {
	data, err := os.ReadFile(w.trustedFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []digest.Digest
	if err == nil {
		ids, err = trust.ParseIDs(string(data))
	}
	if err != nil {
		return nil, &Hinted{
			Err:  fmt.Errorf("the images that you trust cannot be read from %s: %w", w.trustedFile(), err),
			Hint: "correct the file, or remove it",
		}
	}
	return ids, nil
}

// KeepTrusted adds IDs to those that later commands trust. It is safe to call from several processes at once.
func (w *Env) KeepTrusted(ctx context.Context, words []string) error {
	ids, err := parseTrust(words)
	if err != nil || len(ids) == 0 {
		return err
	}
	return atomicfile.Locked(ctx, w.trustedFile()+".lock", func() error { return w.addTrusted(ids) })
}

func (w *Env) addTrusted(ids []digest.Digest) error {
	kept, err := w.readTrusted()
	if err != nil {
		return err
	}
	lines := map[string]bool{}
	var text strings.Builder
	for _, id := range slices.Concat(kept, ids) {
		if !lines[id.String()] {
			fmt.Fprintln(&text, id)
		}
		lines[id.String()] = true
	}
	return ReplaceFile(w.trustedFile(), []byte(text.String()))
}

// Images returns the engine's images, with the rules for which may run with privileges.
func (w *Env) Images(eng *engine.Engine, trusted []digest.Digest) trust.Images {
	return trust.Images{Engine: eng, Trusted: trusted, Auth: w.Logins().ForPulls(w.Say)}
}

// BasisText returns a short reason why an image may run with privileges.
func BasisText(img container.Image) string {
	switch img.Basis {
	case trust.Pulled:
		return "pulled from " + trust.Repository(img.Ref)
	case trust.ByUser:
		return "trusted by you"
	default:
		return "not known to be from " + trust.Repository(img.Ref)
	}
}
