package manifest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// hostTLS reads the certificates of a registry from directories like /etc/docker/certs.d, with the meaning that the Docker Engine
// gives them (https://docs.docker.com/engine/security/certificates/): *.crt are authorities, *.cert is a client certificate and
// needs the *.key of the same name. It returns nil if no directory has files for the host.
func hostTLS(dirs []string, host string) (*tls.Config, error) {
	if runtime.GOOS == "windows" {
		host = strings.ReplaceAll(host, ":", "") // as the engine does: no colon in a file's name there
	}
	var config *tls.Config
	for _, dir := range dirs {
		dir = filepath.Join(dir, host)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("certificates of registry %q: %w", host, err)
		}
		for _, entry := range entries {
			if config == nil {
				config = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			if err := addCert(config, filepath.Join(dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("certificates of registry %q: %w", host, err)
			}
		}
	}
	return config, nil
}

func addCert(config *tls.Config, file string) error {
	switch filepath.Ext(file) {
	case ".crt":
		pem, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if config.RootCAs == nil {
			if config.RootCAs, err = x509.SystemCertPool(); err != nil {
				config.RootCAs = x509.NewCertPool()
			}
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate in PEM", file)
		}
	case ".cert":
		pair, err := tls.LoadX509KeyPair(file, strings.TrimSuffix(file, ".cert")+".key")
		if err != nil {
			return err
		}
		config.Certificates = append(config.Certificates, pair)
	}
	return nil
}
