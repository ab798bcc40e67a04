package doctor

import (
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

func TestDoctorGradesEmulators(t *testing.T) {
	ins := clitest.KernelOf(t)
	grades := func(cs []check) string {
		var out []string
		for _, c := range cs {
			out = append(out, string(c.Grade))
		}
		return strings.Join(out, " ")
	}
	checks := checkEmulators(engine.Info{}, ins)
	if got := grades(checks); got != "ok warning" || checks[1].Fix != "docker multiarch emulators install --force linux/arm64" {
		t.Errorf("%s: %+v", got, checks)
	}
	if checks := checkEmulators(engine.Info{Rootless: true}, ins); checks[0].Grade != gradeWarning {
		t.Errorf("a rootless engine: %+v", checks[0])
	}
	ins.Archs[1].Ran, ins.Archs[1].Mode = false, emulation.None
	ins.Archs[1].Handlers[0].Flags = "P"
	if checks := checkEmulators(engine.Info{}, ins); grades(checks) != "ok broken" || !strings.Contains(checks[1].Fix, "--force") {
		t.Errorf("a handler without F: %+v", checks)
	}
	ins.FreeDisk = 100 << 20
	if c := checkDisk(ins); c.Grade != gradeBroken || c.Fix == "" {
		t.Errorf("a full disk: %+v", c)
	}
	d := diagnosis{Grade: gradeOK}
	d.add(check{Grade: gradeBroken}, check{Grade: gradeWarning}, check{Grade: gradeOK})
	if d.Grade != gradeBroken {
		t.Errorf("the worst is %s", d.Grade)
	}
}
