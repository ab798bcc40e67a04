package buildcmd

import (
	"context"
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

// runCall asks the frontend a question instead of building. It ignores the flags about outputs and registries, so that --check can be
// added to any build. Files of an earlier build stay.
func runCall(ctx context.Context, w *cli.Env, o buildOptions, j job) error {
	o.iidFile, o.report = "", ""
	progress, err := openDisplay(ctx, w, o, j)
	if err != nil {
		return err
	}
	answers, err := ask(ctx, w, j, progress)
	if cerr := progress.Close(); err == nil {
		err = cerr
	}
	progress.ExplainUnread(w.Err, err)
	if err != nil {
		return err
	}
	if o.metadataFile != "" {
		if err := cli.WriteMetadata(o.metadataFile, question.Metadata(answers)); err != nil {
			return fmt.Errorf("--metadata-file could not be written: %w", err)
		}
	}
	return question.Print(w.Out, *j.call, answers, func(a solve.Answer) string { return j.request.Source.DockerfileOf(a.Platform).Shown })
}

func ask(ctx context.Context, w *cli.Env, j job, progress *display.Display) ([]solve.Answer, error) {
	for _, n := range j.notes {
		if n.Check != display.Destination {
			progress.Note(n)
		}
	}
	release, err := j.takeLocalBases(ctx, w, progress.Say)
	defer release()
	if err != nil {
		return nil, err
	}
	conn, err := w.Connect(ctx, cli.ConnectOptions{
		Builder: j.builder, Targets: j.request.Platforms, Fallback: j.request.Fallback, Host: j.hostNetwork(), Note: progress.Note,
	})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := buildflags.ResolveGateways(ctx, j.request.ExtraHosts, conn); err != nil {
		return nil, err
	}
	env := conn.Env
	env.Progress = progress
	answers, err := solve.Ask(ctx, j.request, env, j.call.Question)
	return answers, localBaseHint(ctx, w, conn.Explained(ctx, err))
}
