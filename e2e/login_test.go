//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

const (
	loginUser   = "ann"
	loginSecret = "correct-horse-battery"
)

func mayEnter(user, secret string) bool { return user == loginUser && secret == loginSecret }

// logins are the ways in which a registry requires a login.
func (s *story) logins() map[string]http.Handler {
	return map[string]http.Handler{
		"basic":  faultregistry.Basic(s.backend(), mayEnter),
		"tokens": &faultregistry.Tokens{Next: s.backend(), Login: mayEnter},
	}
}

// logIn writes the login for a registry into the Docker config file.
func (s *story) logIn(host string) {
	s.Helper()
	login := base64.StdEncoding.EncodeToString([]byte(loginUser + ":" + loginSecret))
	s.write(filepath.Join(s.home, ".docker", "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, login))
}

// logInByHelper writes it into a credential helper.
func (s *story) logInByHelper(host string) {
	s.Helper()
	dir := s.folder(nil)
	helper := fmt.Sprintf("#!/bin/sh\nread host\n[ \"$1 $host\" = 'get %s' ] || { echo 'credentials not found in native keychain'; exit 1; }\n"+
		"echo '{\"ServerURL\":\"%s\",\"Username\":\"%s\",\"Secret\":\"%s\"}'\n", host, host, loginUser, loginSecret)
	s.check(os.WriteFile(filepath.Join(dir, "docker-credential-e2e"), []byte(helper), 0o755))
	s.env = append(s.env, "PATH="+dir+":"+os.Getenv("PATH"))
	s.write(filepath.Join(s.home, ".docker", "config.json"), fmt.Sprintf(`{"credHelpers":{%q:"e2e"}}`, host))
}

func TestLoginsOfTheDockerConfigServeForBaseImagesAndThePush(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for scheme, handler := range s.logins() {
			for way, logIn := range map[string]func(string){"config file": s.logIn, "helper": s.logInByHelper} {
				host := s.serve(handler)
				logIn(host)
				repo := host + "/e2e/" + random()
				_, base, _ := strings.Cut(s.base, "/")
				r := s.mustBuild("--metadata-file", "meta", "--platform", twoPlatforms, "--push", "-t", repo,
					s.dockerfile("FROM "+host+"/"+base, "COPY Dockerfile /"))
				s.equal(scheme+", "+way, s.remote(s.behind(repo), "latest").platforms(), []string{"linux/amd64", "linux/arm64"})
				s.lacks("what was said", r.out+r.err+s.read("meta"), loginSecret)
			}
		}
	})
}

func TestAMissingOrWrongLoginIsAnErrorBeforeTheContextIsSent(t *testing.T) {
	onEachEngine(t, func(s *story) {
		for scheme, handler := range s.logins() {
			host := s.serve(handler)
			s.Log(scheme)
			s.refusedEarly(host+"/e2e/none:1", host, "docker login "+host)
			wrong := base64.StdEncoding.EncodeToString([]byte(loginUser + ":" + "wrong-password"))
			s.write(filepath.Join(s.home, ".docker", "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, wrong))
			s.refusedEarly(host+"/e2e/wrong:1", host, "docker login "+host)
		}
	})
}

func TestABaseImageThatWantsALoginSaysSo(t *testing.T) {
	onEachEngine(t, func(s *story) {
		host := s.serve(faultregistry.Basic(s.backend(), mayEnter))
		_, base, _ := strings.Cut(s.base, "/")
		repo := s.repo()
		r := s.build("--push", "-t", repo, s.dockerfile("FROM "+host+"/"+base, "COPY Dockerfile /"))
		s.equal("the status", r.code, 1)
		s.contains("the error", r.err, host, "401")
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
	})
}

func TestSecretsReachTheStepThatMountsThemAndNothingElse(t *testing.T) {
	onEachEngine(t, func(s *story) {
		s.ownBuilder()
		secret := "sesame-" + random()
		s.write("key", secret)
		repo := s.repo()
		dir := s.dockerfile("FROM $BASE", "RUN --mount=type=secret,id=file --mount=type=secret,id=env cat /run/secrets/file /run/secrets/env | sha256sum >/sum && sleep 1")
		build := s.start(call{
			args: s.buildArgs("--secret", "id=file,src=key", "--secret", "id=env,env=TOKEN", "--metadata-file", "meta", "--push", "-t", repo, dir),
			env:  []string{"TOKEN=" + secret},
		})
		s.eventually("the step runs", func() bool { return s.runs("sleep 1") || !build.left() })
		if found := inArguments(secret); found != "" {
			s.Errorf("the secret is in the arguments of %q", found)
		}
		r := build.wait()
		s.equal("the status", r.code, 0)
		s.contains("the sum", s.fileOf(repo, "latest", "", "sum"), fmt.Sprintf("%x", sum(secret+secret)))
		image := s.remote(repo, "latest")
		s.lacks("what was said", r.out+r.err+s.read("meta")+s.imageConfig(image).raw, secret)
		for name, text := range s.contents(image) {
			s.lacks(name+" in the image", text, secret)
		}
	})
}

func TestAnSSHAgentIsForwardedToTheStepThatMountsIt(t *testing.T) {
	onEachEngine(t, func(s *story) {
		agent, err := net.Listen("unix", filepath.Join(s.home, "agent"))
		if err != nil {
			testenv.SkipBecause(s.T, err.Error()) // the path may be too long for a socket
		}
		defer agent.Close()
		s.mustBuild("--ssh", "default="+agent.Addr().String(), "--push", "-t", s.repo(),
			s.dockerfile("FROM $BASE", `RUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ]`))
	})
}
