package interop

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"k8s.io/klog/v2"
)

// judge says what is wrong with a log.
type judge struct {
	name  string
	check func(log files, vkey string) error
}

// judges are two independent readers of a whole log.
var judges = []judge{{"tessera fsck", checkByFsck}, {"sumdb tlog", checkByTlog}}

func init() {
	// Tessera tells its log of each check; the error is enough.
	flags := flag.NewFlagSet("klog", flag.PanicOnError)
	klog.InitFlags(flags)
	flags.Set("logtostderr", "false")
	flags.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard)
}

// fsckLimit is how long a check may take: on a damaged log, fsck can wait for ever, and that is a refusal.
const fsckLimit = 2 * time.Minute

// checkByFsck recomputes the log from its bundles with Tessera.
func checkByFsck(log files, vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	return withinLimit(func(ctx context.Context) error {
		// More workers than damaged tiles: each ends at the first it finds.
		return fsck.New(verifier.Name(), verifier, log, leafHashes, fsck.Opts{N: 64}).Check(ctx)
	})
}

// withinLimit takes too long a check, and one that panics, for a refusal.
func withinLimit(check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), fsckLimit)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				result <- fmt.Errorf("the check panicked: %v", cause)
			}
		}()
		result <- check(ctx)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return errors.New("the check did not end in time")
	}
}

// leafHashes are the leaf hashes of a bundle's entries.
func leafHashes(bundle []byte) ([][]byte, error) {
	entries, err := bundleEntries(bundle)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(entries))
	for i, entry := range entries {
		hash := tlog.RecordHash(entry)
		hashes[i] = hash[:]
	}
	return hashes, nil
}

func bundleEntries(bundle []byte) ([][]byte, error) {
	var parsed api.EntryBundle
	err := parsed.UnmarshalText(bundle)
	return parsed.Entries, err
}

// checkByTlog reads every leaf hash through tiles that the Go checksum database's client authenticates, and compares
// it with the entry.
func checkByTlog(log files, vkey string) error {
	tree, _, err := openCheckpoint(log["checkpoint"], vkey)
	if err != nil {
		return err
	}
	indexes := make([]int64, tree.N)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	hashes, err := tlog.TileHashReader(tree, tileReader{log}).ReadHashes(indexes)
	if err != nil {
		return err
	}
	var leaves [][]byte
	for first := int64(0); first < tree.N; first += 256 {
		bundle, err := log.read(bundlePath(first/256, min(256, tree.N-first)))
		if err != nil {
			return err
		}
		hashed, err := leafHashes(bundle)
		if err != nil {
			return err
		}
		leaves = append(leaves, hashed...)
	}
	if len(leaves) != len(hashes) {
		return fmt.Errorf("%d entries in the bundles, %d in the tree", len(leaves), len(hashes))
	}
	for i, hash := range hashes {
		if hash != tlog.Hash(leaves[i]) {
			return fmt.Errorf("entry %d does not have the leaf hash of its tile", i)
		}
	}
	return nil
}

// openCheckpoint verifies a checkpoint's signature and gives the tree it speaks of.
func openCheckpoint(checkpoint []byte, vkey string) (tlog.Tree, *note.Note, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	signed, err := note.Open(checkpoint, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	var head log.Checkpoint
	rest, err := head.Unmarshal([]byte(signed.Text))
	switch {
	case err != nil:
		return tlog.Tree{}, nil, err
	case head.Origin != verifier.Name():
		return tlog.Tree{}, nil, fmt.Errorf("the origin is %q, the key's name %q", head.Origin, verifier.Name())
	case len(rest) > 0:
		return tlog.Tree{}, nil, fmt.Errorf("more than a checkpoint: %q", rest)
	case len(head.Hash) != sha256.Size:
		return tlog.Tree{}, nil, fmt.Errorf("a root of %d bytes", len(head.Hash))
	}
	return tlog.Tree{N: int64(head.Size), Hash: tlog.Hash(head.Hash)}, signed, nil
}

// tileReader serves the tiles of a static log to the checksum database's client.
type tileReader struct{ log files }

func (tileReader) Height() int { return 8 }

func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// The checksum database's paths name the height, C2SP's do not.
		full, err := r.log.read("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		data[i] = full
	}
	return data, nil
}

// bundlePath is where the bundle of this many entries is.
func bundlePath(index, width int64) string {
	tile := tlog.Tile{H: 8, L: -1, N: index, W: int(width)}
	return "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/data/")
}
