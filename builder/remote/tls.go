package remote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/link"
)

// open checks an endpoint, and returns how its BuildKit is reached.
func open(e builder.Endpoint) (opt link.Options, err error) {
	if len(e.Flags) > 0 || e.Config.TOML != nil {
		return opt, fmt.Errorf("%w: it takes neither flags of buildkitd nor a configuration file", errConfigured)
	}
	if err := checkOptions(e.Options); err != nil {
		return opt, err
	}
	dial, s, err := parse(e.Address)
	if err != nil {
		return opt, err
	}
	opt = link.Options{Dial: dial, Program: s.program}
	if s.program {
		opt.Timeout = programTimeout
	}
	if s.name == "tcp" {
		opt.Authority, err = authority(e)
	}
	if err != nil || !usesTLS(e.Options) {
		return opt, err
	}
	if s.name != "tcp" {
		return opt, fmt.Errorf("address %s: TLS is for tcp:// only, and a driver option (%s) asks for it", shown(e.Address), optCA)
	}
	opt.TLS, err = config(e.Options)
	return opt, err
}

// authority is the name that requests are for: the server's, which TLS verifies, too.
func authority(e builder.Endpoint) (string, error) {
	if name := e.Options[optServer]; name != "" {
		return name, nil
	}
	u, err := url.Parse(e.Address)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

// config reads the files of TLS.
func config(opts map[string]string) (*tls.Config, error) {
	ca, err := read(opts, optCA)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: opts[optServer]}
	if !c.RootCAs.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("driver option %s: %q has no certificate in PEM form", optCA, opts[optCA])
	}
	if opts[optCert] == "" {
		return c, nil
	}
	cert, err := read(opts, optCert)
	if err != nil {
		return nil, err
	}
	key, err := read(opts, optKey)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("driver options %s %q and %s %q do not belong together: %w", optCert, opts[optCert], optKey, opts[optKey], err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// read reads the file that an option names.
func read(opts map[string]string, option string) ([]byte, error) {
	data, err := os.ReadFile(opts[option])
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("driver option %s: there is no file %q", option, opts[option])
	case err != nil:
		return nil, fmt.Errorf("driver option %s: %w", option, err)
	}
	return data, nil
}
