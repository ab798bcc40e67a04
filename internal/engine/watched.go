package engine

import (
	"context"
	"io"
	"net"

	"github.com/moby/moby/client"
)

// The calls that this package makes, watched. ContainerWait and ImagePull are watched where they are made, and a ping by who asks.

func (w watched) ContainerAttach(ctx context.Context, containerID string, options client.ContainerAttachOptions) (client.ContainerAttachResult, error) {
	return hijacked(ctx, w.watch, func(ctx context.Context) (client.ContainerAttachResult, error) {
		return w.APIClient.ContainerAttach(ctx, containerID, options)
	}, func(res client.ContainerAttachResult) { res.Close() })
}

func (w watched) ContainerCreate(ctx context.Context, options client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerCreateResult, error) {
		return w.APIClient.ContainerCreate(ctx, options)
	})
}

func (w watched) ContainerInspect(ctx context.Context, containerID string, options client.ContainerInspectOptions) (client.ContainerInspectResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerInspectResult, error) {
		return w.APIClient.ContainerInspect(ctx, containerID, options)
	})
}

func (w watched) ContainerList(ctx context.Context, options client.ContainerListOptions) (client.ContainerListResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerListResult, error) {
		return w.APIClient.ContainerList(ctx, options)
	})
}

func (w watched) ContainerRemove(ctx context.Context, containerID string, options client.ContainerRemoveOptions) (client.ContainerRemoveResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerRemoveResult, error) {
		return w.APIClient.ContainerRemove(ctx, containerID, options)
	})
}

func (w watched) ContainerRename(ctx context.Context, containerID string, options client.ContainerRenameOptions) (client.ContainerRenameResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerRenameResult, error) {
		return w.APIClient.ContainerRename(ctx, containerID, options)
	})
}

func (w watched) ContainerStart(ctx context.Context, containerID string, options client.ContainerStartOptions) (client.ContainerStartResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerStartResult, error) {
		return w.APIClient.ContainerStart(ctx, containerID, options)
	})
}

func (w watched) ContainerStop(ctx context.Context, containerID string, options client.ContainerStopOptions) (client.ContainerStopResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerStopResult, error) {
		return w.APIClient.ContainerStop(ctx, containerID, options)
	})
}

func (w watched) ContainerUnpause(ctx context.Context, containerID string, options client.ContainerUnpauseOptions) (client.ContainerUnpauseResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ContainerUnpauseResult, error) {
		return w.APIClient.ContainerUnpause(ctx, containerID, options)
	})
}

func (w watched) CopyToContainer(ctx context.Context, containerID string, options client.CopyToContainerOptions) (client.CopyToContainerResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.CopyToContainerResult, error) {
		return w.APIClient.CopyToContainer(ctx, containerID, options)
	})
}

func (w watched) DialHijack(ctx context.Context, url, proto string, meta map[string][]string) (net.Conn, error) {
	return hijacked(ctx, w.watch, func(ctx context.Context) (net.Conn, error) {
		return w.APIClient.DialHijack(ctx, url, proto, meta)
	}, func(conn net.Conn) { _ = conn.Close() })
}

func (w watched) ExecAttach(ctx context.Context, execID string, options client.ExecAttachOptions) (client.ExecAttachResult, error) {
	return hijacked(ctx, w.watch, func(ctx context.Context) (client.ExecAttachResult, error) {
		return w.APIClient.ExecAttach(ctx, execID, options)
	}, func(res client.ExecAttachResult) { res.Close() })
}

func (w watched) ExecCreate(ctx context.Context, containerID string, options client.ExecCreateOptions) (client.ExecCreateResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ExecCreateResult, error) {
		return w.APIClient.ExecCreate(ctx, containerID, options)
	})
}

func (w watched) ExecInspect(ctx context.Context, execID string, options client.ExecInspectOptions) (client.ExecInspectResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ExecInspectResult, error) {
		return w.APIClient.ExecInspect(ctx, execID, options)
	})
}

func (w watched) ImageInspect(ctx context.Context, imageID string, options ...client.ImageInspectOption) (client.ImageInspectResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ImageInspectResult, error) {
		return w.APIClient.ImageInspect(ctx, imageID, options...)
	})
}

func (w watched) ImageList(ctx context.Context, options client.ImageListOptions) (client.ImageListResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ImageListResult, error) {
		return w.APIClient.ImageList(ctx, options)
	})
}

func (w watched) ImageRemove(ctx context.Context, imageID string, options client.ImageRemoveOptions) (client.ImageRemoveResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ImageRemoveResult, error) {
		return w.APIClient.ImageRemove(ctx, imageID, options)
	})
}

func (w watched) ImageTag(ctx context.Context, options client.ImageTagOptions) (client.ImageTagResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.ImageTagResult, error) {
		return w.APIClient.ImageTag(ctx, options)
	})
}

func (w watched) Info(ctx context.Context, options client.InfoOptions) (client.SystemInfoResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.SystemInfoResult, error) {
		return w.APIClient.Info(ctx, options)
	})
}

func (w watched) DistributionInspect(
	ctx context.Context, image string, options client.DistributionInspectOptions,
) (client.DistributionInspectResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.DistributionInspectResult, error) {
		return w.APIClient.DistributionInspect(ctx, image, options)
	})
}

func (w watched) VolumeInspect(ctx context.Context, volumeID string, options client.VolumeInspectOptions) (client.VolumeInspectResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.VolumeInspectResult, error) {
		return w.APIClient.VolumeInspect(ctx, volumeID, options)
	})
}

func (w watched) VolumeRemove(ctx context.Context, volumeID string, options client.VolumeRemoveOptions) (client.VolumeRemoveResult, error) {
	return attended(ctx, w.watch, func(ctx context.Context) (client.VolumeRemoveResult, error) {
		return w.APIClient.VolumeRemove(ctx, volumeID, options)
	})
}

func (w watched) ContainerLogs(ctx context.Context, containerID string, options client.ContainerLogsOptions) (client.ContainerLogsResult, error) {
	return streamed(ctx, w.watch, func(ctx context.Context) (client.ContainerLogsResult, error) {
		return w.APIClient.ContainerLogs(ctx, containerID, options)
	})
}

func (w watched) ImageLoad(ctx context.Context, input io.Reader, options ...client.ImageLoadOption) (client.ImageLoadResult, error) {
	return streamed(ctx, w.watch, func(ctx context.Context) (client.ImageLoadResult, error) {
		return w.APIClient.ImageLoad(ctx, input, options...)
	})
}

func (w watched) ImageSave(ctx context.Context, imageIDs []string, options ...client.ImageSaveOption) (client.ImageSaveResult, error) {
	return streamed(ctx, w.watch, func(ctx context.Context) (client.ImageSaveResult, error) {
		return w.APIClient.ImageSave(ctx, imageIDs, options...)
	})
}

func (w watched) CopyFromContainer(ctx context.Context, containerID string, options client.CopyFromContainerOptions) (client.CopyFromContainerResult, error) {
	var res client.CopyFromContainerResult
	content, err := streamed(ctx, w.watch, func(ctx context.Context) (io.ReadCloser, error) {
		var err error
		res, err = w.APIClient.CopyFromContainer(ctx, containerID, options)
		return res.Content, err
	})
	res.Content = content
	return res, err
}
