// Package direct connects to programs in pods without kubectl, where no login is needed: the kubeconfig holds the credentials, or a pod's
// service account has them. That saves the start of a process. A kubeconfig with anything that it does not know is [ErrUnknown]: kubectl reads
// it, and has the words for what is wrong with it.
package direct

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrUnknown means that only kubectl knows how to reach the cluster.
var ErrUnknown = errors.New("only kubectl reads this configuration")

// Target names a namespace of a cluster as the flags of kubectl do. An empty field is left to the configuration.
type Target struct{ Kubeconfig, Context, Namespace string }

// kubeconfig is a file of kubectl. More has the fields that are not known here, such as logins by programs.
type kubeconfig struct {
	Current  string `yaml:"current-context"`
	Contexts []struct {
		Name    string
		Context struct{ Cluster, User, Namespace string }
	}
	Clusters []struct {
		Name    string
		Cluster cluster
	}
	Users []struct {
		Name string
		User user
	}
}

type cluster struct {
	Server     string
	CA         string `yaml:"certificate-authority"`
	CAData     string `yaml:"certificate-authority-data"`
	Insecure   bool   `yaml:"insecure-skip-tls-verify"`
	ServerName string `yaml:"tls-server-name"`
	Extensions any
	More       map[string]any `yaml:",inline"`
}

type user struct {
	Certificate     string `yaml:"client-certificate"`
	CertificateData string `yaml:"client-certificate-data"`
	Key             string `yaml:"client-key"`
	KeyData         string `yaml:"client-key-data"`
	Token           string
	TokenFile       string `yaml:"tokenFile"`
	Extensions      any
	More            map[string]any `yaml:",inline"`
}

// account is the folder of a pod's service account.
const account = "/var/run/secrets/kubernetes.io/serviceaccount"

// access reads the configuration that kubectl would read.
func (t Target) access() (access, error) {
	file := t.Kubeconfig
	if file == "" {
		file = os.Getenv("KUBECONFIG")
	}
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return access{}, err
		}
		file = filepath.Join(home, ".kube", "config")
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) && t.Context == "" {
			return t.inPod(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"), account)
		}
	}
	if strings.ContainsRune(file, filepath.ListSeparator) {
		return access{}, ErrUnknown // several files are merged
	}
	data, err := os.ReadFile(file) //nolint:gosec // the user's file
	if err != nil {
		return access{}, err
	}
	var k kubeconfig
	if err := yaml.Unmarshal(data, &k); err != nil {
		return access{}, err
	}
	return k.access(t, filepath.Dir(file))
}

// inPod is the access of a pod's service account.
func (t Target) inPod(host, port, account string) (access, error) {
	if host == "" || port == "" {
		return access{}, ErrUnknown
	}
	if t.Namespace == "" {
		data, err := os.ReadFile(filepath.Join(account, "namespace"))
		if err != nil {
			return access{}, err
		}
		t.Namespace = strings.TrimSpace(string(data))
	}
	return newAccess(cluster{Server: "https://" + net.JoinHostPort(host, port), CA: "ca.crt"}, user{TokenFile: "token"}, t.Namespace, account)
}

// access returns the access of a context. Paths in the file are relative to the folder.
func (k kubeconfig) access(t Target, folder string) (access, error) {
	if t.Context == "" {
		t.Context = k.Current
	}
	for _, x := range k.Contexts {
		if x.Name != t.Context {
			continue
		}
		if t.Namespace == "" {
			t.Namespace = x.Context.Namespace
		}
		for _, c := range k.Clusters {
			for _, u := range k.Users {
				if c.Name == x.Context.Cluster && u.Name == x.Context.User {
					return newAccess(c.Cluster, u.User, t.Namespace, folder)
				}
			}
		}
	}
	return access{}, ErrUnknown
}

// access is what a request needs.
type access struct {
	server    *url.URL
	namespace string
	tls       *tls.Config
	token     string
}

func newAccess(c cluster, u user, namespace, folder string) (a access, err error) {
	if len(c.More)+len(u.More) > 0 {
		return a, ErrUnknown
	}
	if a.server, err = url.Parse(c.Server); err != nil || a.server.Scheme != "https" {
		return a, ErrUnknown
	}
	if a.server.Path == "" {
		a.server.Path = "/" // a request has to begin with it
	}
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: a.server}); proxy != nil || err != nil {
		return a, ErrUnknown
	}
	f := files{folder: folder}
	ca, token := f.read(c.CA, c.CAData), f.read(u.TokenFile, "")
	certificate, key := f.read(u.Certificate, u.CertificateData), f.read(u.Key, u.KeyData)
	if f.err != nil {
		return a, f.err
	}
	a.token, a.namespace = u.Token, namespace
	if token != nil { // it takes precedence, for kubectl as well
		a.token = strings.TrimSpace(string(token))
	}
	if a.namespace == "" {
		a.namespace = "default"
	}
	a.tls = &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: c.ServerName, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: c.Insecure, //nolint:gosec // the user's choice
	}
	if a.tls.ServerName == "" {
		a.tls.ServerName = a.server.Hostname()
	}
	if ca != nil {
		a.tls.RootCAs = x509.NewCertPool()
		a.tls.RootCAs.AppendCertsFromPEM(ca)
	}
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return a, err
		}
		a.tls.Certificates = []tls.Certificate{pair}
	}
	return a, nil
}

// files reads what a kubeconfig holds, or names a file for.
type files struct {
	folder string
	err    error // the first one
}

// read returns the content of a field: data, in base64, or else that of a file. It is nil if there is neither.
func (f *files) read(file, data string) (content []byte) {
	var err error
	switch {
	case data != "":
		content, err = base64.StdEncoding.DecodeString(data)
	case file != "":
		if !filepath.IsAbs(file) {
			file = filepath.Join(f.folder, file)
		}
		content, err = os.ReadFile(file)
	}
	if f.err == nil {
		f.err = err
	}
	return slices.Clip(content)
}
