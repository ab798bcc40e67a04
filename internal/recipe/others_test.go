package recipe_test

import (
	"slices"
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// image returns a recipe's findings about an image with these files and this environment.
func image(t *testing.T, name string, copied []recipe.CopiedPath, env, files []string) *recipe.Image {
	t.Helper()
	im := &recipe.Image{Config: ocispecs.ImageConfig{Env: env}, Files: map[string]recipe.File{}}
	read, exists := find(t, name).NeededPaths(im.Config, copied)
	for _, at := range append(read, exists...) {
		have := slices.Contains(files, at)
		im.Files[at] = recipe.File{Exists: have, Holds: have}
	}
	return im
}

func TestRecipesByName(t *testing.T) {
	for _, tt := range []struct {
		recipe, run string
		env, files  []string
		check       string
	}{
		{"node", "npm ci && npm run build", []string{"NODE_VERSION=22.1.0"}, nil, ""},
		{"node", "corepack enable && pnpm install --frozen-lockfile && pnpm build", nil, []string{"/usr/local/bin/node"}, ""},
		{"node", "apk add --no-cache nodejs npm && npm ci", nil, nil, ""},
		{"node", "npm ci", nil, nil, "no-recipe"},
		{"node", "cp /usr/bin/env /out/ && npm ci", []string{"NODE_VERSION=22.1.0"}, nil, "leaves-base"},
		{"java", "./mvnw -q package", []string{"JAVA_VERSION=21"}, nil, ""},
		{"java", "gradle --no-daemon bootJar", nil, []string{"/opt/java/openjdk/bin/javac"}, ""},
		{"java", "mvn package", []string{"NODE_VERSION=22"}, nil, "no-recipe"},
		{"hugo", "hugo --minify -d /out", nil, []string{"/usr/bin/hugo"}, ""},
		{"hugo", "apk add hugo && hugo", nil, nil, ""},
		{"hugo", "hugo", nil, nil, "no-recipe"},
		{"hugo", "mkdir -p /out", nil, []string{"/usr/bin/hugo"}, "nothing"},
	} {
		st := stage{runs: []string{tt.run}, config: []string{"PATH=/usr/bin:/bin"}, leaves: []string{"/out"}, named: true}.build(t)
		st.Base = recipe.Base{Native: image(t, tt.recipe, st.Copied, tt.env, tt.files), Target: image(t, tt.recipe, st.Copied, tt.env, tt.files)}
		r := find(t, tt.recipe)
		edits, why := r.Judge(st)
		if why.Check != tt.check || len(edits) > 0 {
			t.Errorf("%s: %s: %+v, want %q; edits %v", tt.recipe, tt.run, why, tt.check, edits)
		}
		if ok, _ := r.Precheck(st); !ok && tt.check == "" {
			t.Errorf("%s: %s: Screen says no", tt.recipe, tt.run)
		}
	}
}

// FuzzJudge checks that Screen accepts every stage that Judge accepts, and that Judge returns either edits or a reason.
func FuzzJudge(f *testing.F) {
	for _, s := range safe {
		f.Add(s, "/out/app", false)
	}
	for _, u := range unsafe {
		f.Add(u.run, "/", true)
	}
	f.Fuzz(func(t *testing.T, run, leave string, named bool) {
		judge(t, stage{runs: []string{run, build}, leaves: []string{"/" + leave}, env: cgoOff, named: named}.build(t))
	})
}
