package cachejoin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Target is a place that has, or will have, a joined cache.
type Target struct {
	Place Place
	Note  diag.Notes
	Now   time.Time
}

// Place is what has the name of a joined cache, and its content: [Tag] or [Folder].
type Place interface {
	// String is its name, for messages.
	String() string
	// now returns the descriptor that the name has, a zero one if it has none.
	now(context.Context) (ocispecs.Descriptor, error)
	// blobs returns the content of the place, and the manifest of a digest there. The descriptor may have no size or media type.
	blobs(context.Context, ocispecs.Descriptor) (ocispecs.Descriptor, content.ReadOnlyStorage, error)
	// exported returns the same of a manifest that a node has just exported, once it can be read.
	exported(context.Context, Export) (ocispecs.Descriptor, content.ReadOnlyStorage, error)
	// take makes the layers and the config of such an export content of the place.
	take(context.Context, Export, ...ocispecs.Descriptor) error
	// write writes the joined cache and moves the name to it. It returns errMoved if the name is no longer at the digest from before.
	write(ctx context.Context, before digest.Digest, j joined) error
	// lookAgain is how long after a write others may still replace what they have not seen; 0: they cannot.
	lookAgain() time.Duration
}

// Export is the manifest that a node has exported.
type Export struct {
	Node     string
	Manifest digest.Digest
	// Dir is where a node's export to a [Folder] is; see [Folder.Stage].
	Dir string
}

// NotCacheError says that a cache would replace something else.
type NotCacheError struct{ Ref string }

func (e *NotCacheError) Error() string {
	return fmt.Sprintf("%s is an image, which a build cache would replace", e.Ref)
}

// errMoved says that another client has written the name in the meantime.
var errMoved = errors.New("other builds write it all the time")

const (
	// maxTries is how often a join is made again because the name has moved. Of several builds that write it at once, one succeeds at each try.
	maxTries = 20
	// requestsAtOnce bounds the concurrent questions about layers.
	requestsAtOnce = 8
)

// Check returns a [NotCacheError] if the name is of something else than a cache.
func (t Target) Check(ctx context.Context) error {
	_, _, err := t.read(ctx)
	return err
}

// Join makes the named cache one of what the nodes have exported and of what other nodes have in it. It compares the name before it writes,
// reads it afterwards where others may have replaced it unseen, and begins again if another client has written it: builds that end at the
// same time lose nothing.
func (t Target) Join(ctx context.Context, exports []Export) error {
	shares := make([]Share, len(exports))
	for i, e := range exports {
		var err error
		if shares[i], err = t.exported(ctx, e); err != nil {
			return fmt.Errorf("the cache of node %q: %w", e.Node, err)
		}
	}
	err := errMoved
	for try := 0; try < maxTries && errors.Is(err, errMoved); try++ {
		err = t.once(ctx, slices.Clone(shares))
	}
	return err
}

// exported reads the cache that a node has just exported, and makes it content of the place.
func (t Target) exported(ctx context.Context, e Export) (Share, error) {
	desc, src, err := t.Place.exported(ctx, e)
	if err != nil {
		return Share{}, err
	}
	l, err := cacheOf(ctx, desc, src, e.Manifest.String())
	if err != nil {
		return Share{}, err
	}
	s, err := l.share(ctx, src, mark{node: e.Node, renewed: t.Now, config: l.config})
	if err != nil {
		return Share{}, err
	}
	blobs := []ocispecs.Descriptor{l.config}
	for _, d := range l.blobs {
		blobs = append(blobs, d)
	}
	return s, t.Place.take(ctx, e, blobs...)
}

// cacheOf reads a manifest, which has to be of a cache; name is for messages.
func cacheOf(ctx context.Context, desc ocispecs.Descriptor, src content.Fetcher, name string) (listing, error) {
	if err := document.CheckSize(desc.Size); err != nil {
		return listing{}, err
	}
	body, err := content.FetchAll(ctx, src, desc)
	if err != nil {
		return listing{}, err
	}
	l, ok, err := readListing(desc.MediaType, body)
	if err == nil && !ok {
		err = &NotCacheError{name}
	}
	return l, err
}

// share reads the config of a share in a manifest.
func (l listing) share(ctx context.Context, src content.Fetcher, m mark) (Share, error) {
	if m.config.Size > maxRead {
		return Share{}, fmt.Errorf("its config has %d bytes, and BuildKit reads %d", m.config.Size, maxRead)
	}
	body, err := content.FetchAll(ctx, src, m.config)
	if err != nil {
		return Share{}, err
	}
	config, err := ParseConfig(body)
	if err != nil {
		return Share{}, fmt.Errorf("its config: %w", err)
	}
	return Share{Node: m.node, Renewed: m.renewed, Config: config, Source: m.config, Blobs: l.blobs}, nil
}

// current is what the name stands for.
type current struct {
	digest digest.Digest // "": nothing
	listing
	src content.ReadOnlyStorage
}

// read reads what the name stands for.
func (t Target) read(ctx context.Context) (now current, marks []mark, err error) {
	desc, err := t.Place.now(ctx)
	if err != nil || desc.Digest == "" {
		return current{}, nil, err
	}
	desc, src, err := t.Place.blobs(ctx, desc)
	if err != nil {
		return current{}, nil, err
	}
	l, err := cacheOf(ctx, desc, src, t.Place.String())
	if err != nil {
		return current{}, nil, err
	}
	return current{desc.Digest, l, src}, l.shares(t.Now), nil
}

// once reads, joins, and writes. It returns errMoved if another client has replaced what was read, or what was written.
func (t Target) once(ctx context.Context, exported []Share) error {
	now, marks, err := t.read(ctx)
	if err != nil {
		return err
	}
	for i, s := range exported {
		k := slices.IndexFunc(marks, func(m mark) bool { return m.node == s.Node && m.config.Digest == s.Source.Digest })
		if k >= 0 && t.Now.Sub(marks[k].renewed) < renewal {
			exported[i].Renewed = marks[k].renewed
		}
	}
	others, err := t.others(ctx, now, kept(marks, exported, t.Now))
	if err != nil {
		return err
	}
	j, left, err := fitting(exported, others)
	if err != nil {
		return err
	}
	for _, s := range left {
		t.warn(s.Node, errors.New("BuildKit would not read a cache of this size"))
	}
	if err := t.Place.write(ctx, now.digest, j); err != nil || j.desc.Digest == now.digest {
		return err
	}
	return t.stays(ctx, exported, marks)
}

// stays returns errMoved if another client, which has not seen the shares that were just written, replaces them. before are the marks that
// were there when this client read the name.
func (t Target) stays(ctx context.Context, written []Share, before []mark) error {
	pause := t.Place.lookAgain()
	if pause == 0 {
		return nil
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, now, err := t.read(ctx)
	for _, s := range written {
		has := configOf(now, s.Node)
		// A third one is a later share of the same node.
		if has == "" || has != s.Source.Digest && has == configOf(before, s.Node) {
			return cmp.Or(err, errMoved)
		}
	}
	return err
}

// configOf returns the digest of a node's share; "" if it has none.
func configOf(marks []mark, node string) digest.Digest {
	for _, m := range marks {
		if m.node == node {
			return m.config.Digest
		}
	}
	return ""
}

// others reads the shares that stay, and finds out which of their layers still exist. It warns of a share that it cannot read, and leaves it
// out: no BuildKit could use it.
func (t Target) others(ctx context.Context, now current, marks []mark) (shares []Share, err error) {
	if len(marks) == 0 {
		return nil, nil
	}
	exist, err := now.existing(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		s, err := listing{blobs: exist}.share(ctx, now.src, m)
		if refused, ok := errors.AsType[*manifest.Error](err); ok && !errors.Is(refused, manifest.ErrNotFound) {
			return nil, err // the share may be good
		}
		if err != nil {
			t.warn(m.node, err)
			continue
		}
		shares = append(shares, s)
	}
	return shares, nil
}

func (t Target) warn(node string, err error) {
	whose := fmt.Sprintf("the share of node %q", node)
	if node == "" {
		whose = "the share without a node"
	}
	t.Note(diag.Warningf("the cache %s: %s was dropped: %v", t.Place, whose, err))
}

// existing returns the layers of the manifest that the place still has.
func (c current) existing(ctx context.Context) (blobs, error) {
	all := make([]ocispecs.Descriptor, 0, len(c.blobs))
	for _, d := range c.blobs {
		all = append(all, d)
	}
	there := make([]bool, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(requestsAtOnce)
	for i, d := range all {
		group.Go(func() (err error) {
			there[i], err = c.src.Exists(ctx, d)
			return err
		})
	}
	err := group.Wait()
	exist := blobs{}
	for i, d := range all {
		if there[i] {
			exist.add(d)
		}
	}
	return exist, err
}
