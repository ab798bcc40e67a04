package container

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

func TestDecide(t *testing.T) {
	// made is a healthy builder with the settings s.
	made := func(state container.ContainerState, s settings) observed {
		s.Schema = settingsSchema
		return observed{ID: "c1", Ours: true, State: state, Settings: s, Image: imageFacts{Ref: DefaultImage, Version: "v0.33.1"}}
	}
	old := made(container.StateRunning, settings{})
	old.Image.Version = "v0.11.0"
	own := made(container.StateRunning, settings{})
	own.Image.Version = "v0.0.0+unknown"
	theirs := made(container.StateRunning, settings{})
	theirs.Ours = false
	garbled := made(container.StateRunning, settings{})
	garbled.SettingsProblem = "label x: unexpected end of JSON input"

	for name, c := range map[string]struct {
		want settings
		have observed
		step string
	}{
		"nothing there":                 {settings{}, observed{}, "create"},
		"healthy":                       {settings{}, made(container.StateRunning, settings{}), "use"},
		"starting":                      {settings{}, made(container.StateRestarting, settings{}), "use"},
		"stopped":                       {settings{}, made(container.StateExited, settings{}), "start"},
		"created and never started":     {settings{}, made(container.StateCreated, settings{}), "start"},
		"paused":                        {settings{}, made(container.StatePaused, settings{}), "unpause"},
		"paused and not what is wanted": {settings{Network: "host"}, made(container.StatePaused, settings{}), "unpause"},
		"going away":                    {settings{}, made(container.StateRemoving, settings{}), "wait (the old container is being removed)"},
		"somebody else's":               {settings{}, theirs, "refuse"},
		"the host's network is needed":  {settings{Network: "host"}, made(container.StateRunning, settings{}), "recreate (network: none → host)"},
		"the host's network is there, and not asked for": {settings{}, made(container.StateRunning, settings{Network: "host"}), "recreate (network: host → none)"},
		"the host's network is the user's choice":        {settings{}, made(container.StateRunning, settings{Network: "host", Chosen: chosenByFlag}), "use"},
		"another network is the user's choice":           {settings{}, made(container.StateRunning, settings{Network: "mine"}), "use"},
		"the host's network becomes the user's choice": {
			settings{Network: "host", Chosen: chosenByFlag}, made(container.StateRunning, settings{Network: "host"}), "recreate (the host's network is for all builds)",
		},
		"stopped and not what is wanted": {settings{Network: "host"}, made(container.StateExited, settings{}), "recreate (network: none → host)"},
		"another image is asked for": {
			settings{Image: "a"}, made(container.StateRunning, settings{Image: "b"}), "recreate (image: b → a)",
		},
		"no image is asked for": {settings{}, made(container.StateRunning, settings{Image: "b"}), "use"},
		"an option is missing": {
			settings{Options: map[string]string{"memory": "2g"}}, made(container.StateRunning, settings{}), "recreate (option memory: none → 2g)",
		},
		"an option is there and not asked for": {
			settings{}, made(container.StateRunning, settings{Options: map[string]string{"memory": "2g"}}), "use",
		},
		"BuildKit is too old":                  {settings{}, old, "recreate (BuildKit: v0.11.0 → v0.20.0 or newer)"},
		"BuildKit does not say its version":    {settings{}, own, "use"},
		"the label cannot be read":             {settings{}, garbled, "recreate (label x: unexpected end of JSON input)"},
		"the configuration file is another":    {settings{Config: "sha256:1"}, made(container.StateRunning, settings{Config: "sha256:2"}), "recreate (the BuildKit configuration file has changed)"},
		"no configuration file is named today": {settings{}, made(container.StateRunning, settings{Config: "sha256:2"}), "use"},
		"more certificates than needed": {
			settings{Certs: map[string]string{"a": "1"}}, made(container.StateRunning, settings{Certs: map[string]string{"a": "1", "b": "2"}}), "use",
		},
		"a renewed certificate": {
			settings{Certs: map[string]string{"a": "2"}},
			made(container.StateRunning, settings{Certs: map[string]string{"a": "1"}}),
			"recreate (the certificates for a have changed)",
		},
		"the engine trusts a registry less": {
			settings{},
			made(container.StateRunning, settings{Insecure: []string{"r:5000"}}),
			"recreate (insecure registries of the engine: r:5000 → none)",
		},
		"a new mirror": {
			settings{Mirrors: []string{"https://m"}}, made(container.StateRunning, settings{}), "recreate (mirrors of the engine: none → https://m)",
		},
		"another proxy": {
			settings{Env: map[string]string{"HTTP_PROXY": "http://u:p@b", "http_proxy": "http://u:p@b"}},
			made(container.StateRunning, settings{Env: map[string]string{"HTTP_PROXY": "http://a", "http_proxy": "http://a"}}),
			"recreate (HTTP_PROXY: http://a → http://u:xxxxx@b)",
		},
		"another password for the proxy": {
			settings{Env: map[string]string{"HTTP_PROXY": "http://u:p@b"}},
			made(container.StateRunning, settings{Env: map[string]string{"HTTP_PROXY": "http://u:q@b"}}),
			"recreate (the password of HTTP_PROXY has changed)",
		},
		"no proxy here, one there": {settings{}, made(container.StateRunning, settings{Env: map[string]string{"HTTP_PROXY": "http://a"}}), "use"},
		"two things at once": {
			settings{Network: "host", AddHosts: []string{"r:1.2.3.4"}},
			made(container.StateRunning, settings{}),
			"recreate (network: none → host; added host: none → r:1.2.3.4)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Schema = settingsSchema
			if got := decide(c.want, builder.MinVersion, c.have).String(); got != c.step {
				t.Errorf("got  %s\nwant %s", got, c.step)
			}
		})
	}
}

func TestABuilderOfAnOlderLayoutIsReplacedAndOneOfANewerIsNot(t *testing.T) {
	have := observed{ID: "c", Ours: true, State: container.StateRunning}
	for schema, want := range map[int]action{0: actRecreate, 1: actUse, 2: actUse} {
		have.Settings.Schema = schema
		if got := decide(settings{Schema: 1}, builder.MinVersion, have).Action; got != want {
			t.Errorf("schema %d: %s", schema, got)
		}
	}
}

func TestInheritKeepsSettingsThatAreNotGiven(t *testing.T) {
	have := settings{
		Schema: 1, Image: "i", Network: "host", Chosen: chosenByFlag, Config: "c", AddHosts: []string{"a:1"},
		Options: map[string]string{"memory": "1g", "cpu-shares": "2"},
		Certs:   map[string]string{"r": "1"}, Insecure: []string{"x"}, Env: map[string]string{"HTTP_PROXY": "p"},
	}
	want := settings{Schema: 1, Options: map[string]string{"memory": "4g"}, AddHosts: []string{"b:2"}}
	got := inherit(want, have)
	expect := settings{
		Schema: 1, Image: "i", Network: "host", Chosen: chosenByFlag, Config: "c", AddHosts: []string{"b:2", "a:1"},
		Options: map[string]string{"memory": "4g", "cpu-shares": "2"},
	}
	if d := cmp.Diff(expect, got); d != "" {
		t.Error(d)
	}
	if have.Options["memory"] != "1g" || len(want.AddHosts) != 1 {
		t.Error("an argument was changed")
	}
	if d := differences(want, got); len(d) > 0 {
		t.Errorf("what inherits does not satisfy: %s", d)
	}
}

func TestSettingsSurviveTheirLabel(t *testing.T) {
	s := settings{Schema: 1, Network: "host", Options: map[string]string{"memory": "1g"}, Certs: map[string]string{"r:1": "d"}}
	got, err := parseSettings(s.label())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, got); d != "" {
		t.Error(d)
	}
}

func TestProxiesAreNotRepeatedInALabel(t *testing.T) {
	s := settings{Env: map[string]string{"HTTP_PROXY": "http://u:secret@p"}}
	if got := s.label(); got != `{"schema":0}` {
		t.Error(got)
	}
}
