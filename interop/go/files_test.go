package interop

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/transparency-dev/tessera/api/layout"
)

// files is a static log in memory: what is served under each path.
type files map[string][]byte

func readFiles(dir string) (files, error) {
	log := files{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		log[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	return log, err
}

// flipped is the log with one bit of one file changed.
func (f files) flipped(name string, bit int) files {
	changed := maps.Clone(f)
	changed[name] = flip(f[name], bit)
	return changed
}

// flip is a copy of the bytes with one bit changed.
func flip(bytes []byte, bit int) []byte {
	changed := append([]byte(nil), bytes...)
	changed[bit/8] ^= 1 << (bit % 8)
	return changed
}

func (f files) read(name string) ([]byte, error) {
	if data, ok := f[name]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// The three methods by which Tessera reads a log. The partial tile and no other, for nothing else was exported.

func (f files) ReadCheckpoint(context.Context) ([]byte, error) {
	return f.read(layout.CheckpointPath)
}

func (f files) ReadTile(_ context.Context, level, index uint64, partial uint8) ([]byte, error) {
	return f.read(layout.TilePath(level, index, partial))
}

func (f files) ReadEntryBundle(_ context.Context, index uint64, partial uint8) ([]byte, error) {
	return f.read(layout.EntriesPath(index, partial))
}
