package buildcmd

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
)

func TestTheCrossSettingComesFromFlagOrFileElseAuto(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		file string
		want string
	}{
		"nothing":                       {nil, "", "auto"},
		"a flag":                        {[]string{"--cross", "off"}, "", "off"},
		"flags, repeated":               {[]string{"--cross", "auto", "--cross", "node:assets,java"}, "", "auto,node:assets,java"},
		"the file":                      {nil, "cross: off\n", "off"},
		"a list in the file":            {nil, "cross: [auto, node]\n", "auto,node"},
		"the flag wins, as a whole":     {[]string{"--cross", "go"}, "cross: [auto, node]\n", "go"},
		"a file that says other things": {nil, "image: app\n", "auto"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newHarness(t)
			if tt.file != "" {
				s.Write(project.Name, tt.file)
			}
			j, err := parseBuild(t.Context(), s.Env, parsed(t, append(tt.args, "--push", "-t", "app", ".")...))
			if err != nil {
				t.Fatal(err)
			}
			defer j.release()
			if got := j.request.Cross.String(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestWordsThatAreNoRecipesAreRefusedAtOnce(t *testing.T) {
	refusesAtOnce(t, map[string][2]string{
		"--cross rust":          {`--cross: there is no recipe "rust": use auto, off, go, node`, ""},
		"--cross off,go":        {`--cross: "off" stands alone`, ""},
		"--cross go:":           {`--cross: "go:" names no stage`, ""},
		"--cross go --cross go": {`--cross: "go" is there twice`, ""},
		"--cross=":              {"--cross: an empty word", ""},
	})
	s := newHarness(t)
	s.Write(project.Name, "image: app\ncross: yes\n")
	if status := s.Command("build", "--push", "."); status != cli.ExitUsage || s.Connects != 0 {
		t.Errorf("status %d, %d connections", status, s.Connects)
	}
	clitest.Contains(t, s.Err.String(), project.Name+`: cross: there is no recipe "yes"`)
}
