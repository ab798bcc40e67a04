package buildflags

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
)

// CacheOptions are the cache flags as the user wrote them.
type CacheOptions struct {
	from, to []string
	Mounts   string
}

// AddCacheFlags adds the flags of build caches.
func AddCacheFlags(f *pflag.FlagSet, o *CacheOptions) {
	f.StringArrayVar(&o.from, "cache-from", nil, `External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")`)
	f.StringArrayVar(&o.to, "cache-to", nil, `Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")`)
	f.StringVar(&o.Mounts, "cache-mounts", "auto",
		`Share the files of "RUN --mount=type=cache" between platforms ("auto", "shared", "isolated")`)
}

// ParseCache parses the build caches of flags and of the environment.
func ParseCache(o CacheOptions, lookup func(string) (string, bool)) (c buildcache.Cache, err error) {
	if c.From, err = parseCaches("--cache-from", o.from, lookup, checkImport); err != nil {
		return c, err
	}
	if c.To, err = parseCaches("--cache-to", o.to, lookup, checkExport); err != nil {
		return c, err
	}
	if err := distinct(c.To); err != nil {
		return c, err
	}
	mounts := map[string]buildcache.Mounts{
		"": buildcache.AutoMounts, "auto": buildcache.AutoMounts, "shared": buildcache.SharedMounts, "isolated": buildcache.IsolatedMounts,
	}
	var ok bool
	if c.Mounts, ok = mounts[o.Mounts]; !ok {
		return c, fmt.Errorf("--cache-mounts %q is not one of auto, shared, isolated", o.Mounts)
	}
	return c, nil
}

// parseCaches parses the values as docker buildx does: "type=TYPE,key=value,…", or references alone, also several with commas. As in
// docker buildx, an entry without the environment of its service is left out: a workflow with a cache on GitHub also builds elsewhere,
// without the cache.
func parseCaches(
	flag string, values []string, lookup func(string) (string, bool), check func(buildcache.Entry) error,
) (entries []buildcache.Entry, err error) {
	for _, v := range values {
		if v == "" {
			continue
		}
		parsed, err := parseCacheValue(v)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", flag, v, err)
		}
		for _, e := range parsed {
			if active := fromServices(e, lookup); !active {
				continue
			}
			if err := check(e); err != nil {
				return nil, fmt.Errorf("%s %q: %w", flag, v, err)
			}
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func parseCacheValue(value string) (entries []buildcache.Entry, err error) {
	fields, err := csv.NewReader(strings.NewReader(value)).Read()
	if err != nil {
		return nil, err
	}
	if strings.Contains(value, "=") {
		e, err := parseCacheFields(fields)
		return []buildcache.Entry{e}, err
	}
	for _, ref := range fields {
		entries = append(entries, buildcache.Entry{Type: "registry", Attrs: map[string]string{"ref": ref}})
	}
	return entries, nil
}

func parseCacheFields(fields []string) (buildcache.Entry, error) {
	e := buildcache.Entry{Attrs: map[string]string{}}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return e, fmt.Errorf("%q is not of the form key=value", field)
		}
		if key = strings.ToLower(key); key == "type" {
			e.Type = value
		} else {
			e.Attrs[key] = value
		}
	}
	types := []string{"registry", "local", "inline", "gha", "s3", "azblob"}
	if e.Type == "" {
		return e, fmt.Errorf("the type is missing: use type=%s", strings.Join(types, "|"))
	}
	if !slices.Contains(types, e.Type) {
		return e, fmt.Errorf("the type %q is not one of %s", e.Type, strings.Join(types, ", "))
	}
	return e, nil
}

// checkAttrs refuses attributes that BuildKit would refuse only after the build, or would silently ignore.
func checkAttrs(e buildcache.Entry) error {
	for _, key := range []string{"ignore-error", "image-manifest", "oci-mediatypes", "force-compression", "reset"} {
		if v, ok := e.Attrs[key]; ok {
			if _, err := strconv.ParseBool(v); err != nil {
				return fmt.Errorf("%s=%q is neither true nor false", key, v)
			}
		}
	}
	for key, allowed := range map[string][]string{"mode": {"min", "max"}, "compression": {"gzip", "estargz", "zstd", "uncompressed"}} {
		if v, ok := e.Attrs[key]; ok && !slices.Contains(allowed, v) {
			return fmt.Errorf("%s=%q is not one of %s", key, v, strings.Join(allowed, ", "))
		}
	}
	if v, ok := e.Attrs["compression-level"]; ok {
		if _, err := strconv.Atoi(v); err != nil {
			return fmt.Errorf("compression-level=%q is not a number", v)
		}
	}
	if e.Type != "registry" {
		return nil
	}
	ref := strings.ReplaceAll(e.Attrs["ref"], buildcache.PlatformMark, "linux-amd64")
	if ref == "" {
		return errors.New("type=registry needs ref=NAME[:TAG]")
	}
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return fmt.Errorf("invalid ref %q: %w", e.Attrs["ref"], err)
	}
	return nil
}

func checkImport(e buildcache.Entry) error {
	if e.Type == "inline" {
		return errors.New("an inline cache is imported from its image: use type=registry,ref=IMAGE")
	}
	if e.Type == "local" && e.Attrs["src"] == "" {
		return errors.New("type=local needs src=FOLDER")
	}
	return checkAttrs(e)
}

func checkExport(e buildcache.Entry) error {
	if err := checkAttrs(e); err != nil {
		return err
	}
	if ref, err := reference.ParseNormalizedNamed(e.Attrs["ref"]); err == nil && e.Type == "registry" {
		if _, ok := ref.(reference.Digested); ok {
			return fmt.Errorf("invalid ref %q: use a tag instead of a digest", e.Attrs["ref"])
		}
	}
	if e.Type != "local" {
		return nil
	}
	if e.Attrs["dest"] == "" {
		return errors.New("type=local needs dest=FOLDER")
	}
	return writable(strings.ReplaceAll(e.Attrs["dest"], buildcache.PlatformMark, "linux-amd64"))
}

// writable returns an error if a folder could not be written to, or made. It does not make the folder.
func writable(dir string) error {
	info, err := os.Stat(dir)
	for errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a folder", dir)
	}
	if err := atomicfile.Check(filepath.Join(dir, "index.json")); err != nil {
		return fmt.Errorf("the folder %q cannot be written to: %w", dir, err)
	}
	return nil
}

// distinct refuses two exports to one location: the last one would overwrite the first.
func distinct(to []buildcache.Entry) error {
	for i, e := range to {
		for _, other := range to[:i] {
			place := func(key string) bool { return e.Attrs[key] != "" && e.Attrs[key] == other.Attrs[key] }
			same := e.Type == other.Type && (e.Type == "registry" && place("ref") || e.Type == "local" && place("dest") || maps.Equal(e.Attrs, other.Attrs))
			if same && e.Type != "inline" {
				return fmt.Errorf("--cache-to has %s twice", e)
			}
		}
	}
	return nil
}
