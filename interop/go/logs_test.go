package interop

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// each runs a test on the log of each size.
func each(t *testing.T, test func(*testing.T, exported)) {
	for _, log := range logs(t) {
		t.Run(fmt.Sprint(log.size), func(t *testing.T) { test(t, log) })
	}
}

func TestEachLogIsAccepted(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		mustAccept(t, log.trail, "--no-state", "--key", log.vkey)
		for _, judge := range judges {
			if err := judge.check(log.log, log.vkey); err != nil {
				t.Errorf("%s: %v", judge.name, err)
			}
		}
		verifier, err := note.NewVerifier(log.vkey)
		if err != nil {
			t.Fatal(err)
		}
		files := client.FileFetcher{Root: log.out}
		check := fsck.New(verifier.Name(), verifier, files, leafHashes, fsck.Opts{N: 64})
		if err := withinLimit(func(ctx context.Context) error { return check.Check(ctx) }); err != nil {
			t.Errorf("tessera fsck, from the folder: %v", err)
		}
		tree, _, err := openCheckpoint(log.log["checkpoint"], log.vkey)
		if err != nil || tree.N != int64(log.size) {
			t.Errorf("a tree of %d entries (%v), want %d", tree.N, err, log.size)
		}
	})
}

// A trail that comes back from an archive is the log that was shipped: nothing of the machine that recorded it is needed.
func TestEachLogThatComesBackFromAnArchiveIsAccepted(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		dir := t.TempDir()
		archive := "file://" + filepath.Join(dir, "archive")
		back, out := filepath.Join(dir, "back"), filepath.Join(dir, "log")
		for _, args := range [][]string{
			{"ship", log.trail, archive},
			{"restore", archive, back, "--read-only", "--key", log.vkey},
			{"export", "tiles", back, out},
		} {
			if _, err := run(nil, args...); err != nil {
				t.Fatal(err)
			}
		}
		restored, err := readFiles(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, judge := range judges {
			if err := judge.check(restored, log.vkey); err != nil {
				t.Errorf("%s: %v", judge.name, err)
			}
		}
		// The tree is of all entries of the trail, and has the same root.
		if string(restored["checkpoint"]) != string(log.log["checkpoint"]) {
			t.Errorf("the checkpoint is\n%s, and was\n%s", restored["checkpoint"], log.log["checkpoint"])
		}
	})
}

// The tiles that the checksum database would make for a tree of that size, their bundles, and the checkpoint.
func TestEachLogHoldsExactlyWhatItsCheckpointImplies(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		want := map[string]bool{"checkpoint": true}
		for _, tile := range tlog.NewTiles(8, 0, int64(log.size)) {
			want["tile/"+tile.Path()[len("tile/8/"):]] = true
			if tile.L == 0 {
				want[bundlePath(tile.N, int64(tile.W))] = true
			}
		}
		for name := range log.log {
			if !want[name] {
				t.Errorf("%s is not implied", name)
			}
		}
		for name := range want {
			if _, ok := log.log[name]; !ok {
				t.Errorf("%s is missing", name)
			}
		}
	})
}

// What Graven signed at each size is continued by what it signed later.
func TestEachLogContinuesTheOnesBefore(t *testing.T) {
	all := logs(t)
	for i, newer := range all {
		head, _, err := openCheckpoint(newer.log["checkpoint"], newer.vkey)
		if err != nil {
			t.Fatal(err)
		}
		hashes := tlog.TileHashReader(head, tileReader{newer.log})
		for _, older := range all[:i+1] {
			old, _, err := openCheckpoint(older.log["checkpoint"], older.vkey)
			if err != nil {
				t.Fatal(err)
			}
			proof, err := tlog.ProveTree(head.N, old.N, hashes)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(proof, head.N, head.Hash, old.N, old.Hash); err != nil {
				t.Errorf("%d to %d: %v", old.N, head.N, err)
			}
			for bit := range 8 * len(old.Hash) {
				changed := tlog.Hash(flip(old.Hash[:], bit))
				if tlog.CheckTree(proof, head.N, head.Hash, old.N, changed) == nil {
					t.Errorf("%d to %d: accepted with bit %d of the old root flipped", old.N, head.N, bit)
				}
			}
		}
	}
}

func TestEachFlippedBitOfALogIsRefused(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		t.Parallel()
		for _, flip := range flips(log) {
			changed := log.log.flipped(flip.name, flip.bit)
			if flip.name == "checkpoint" && decodesToTheSame(log, changed[flip.name]) {
				// Graven reads base64 more strictly than Go does.
				mustRefuse(t, withCheckpoint(t, log, changed[flip.name]), "--no-state", "--key", log.vkey)
				continue
			}
			for _, judge := range judges {
				if judge.check(changed, log.vkey) == nil {
					t.Errorf("%s accepted %s with bit %d flipped", judge.name, flip.name, flip.bit)
				}
			}
		}
	})
}

// The signature's last base64 character has two bits that Go does not look at; Graven does.
func TestGravenRefusesACheckpointThatIsNotPrintedAsItShould(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		for _, changed := range otherwiseEncoded(log.log["checkpoint"]) {
			mustRefuse(t, withCheckpoint(t, log, changed), "--no-state", "--key", log.vkey)
		}
	})
}

// otherwiseEncoded are the texts that differ in the bits which the padded base64 words of a text leave unused.
func otherwiseEncoded(text []byte) [][]byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var texts [][]byte
	for end := 2; end < len(text); end++ {
		// One padding character: the one before it carries four bits of six.
		if text[end] != '\n' || text[end-1] != '=' || text[end-2] == '=' {
			continue
		}
		value := strings.IndexByte(alphabet, text[end-2])
		for unused := 1; unused < 4; unused++ {
			changed := slices.Clone(text)
			changed[end-2] = alphabet[value|unused]
			texts = append(texts, changed)
		}
	}
	return texts
}

// bitOf is one bit of one file of a log.
type bitOf struct {
	name string
	bit  int
}

// flips are the bits to flip: of the checkpoint all, and of each other kind of file all or as many as can be tried,
// for a check of 257 entries takes a millisecond, and of 70,001 in 553 files a tenth of a second.
func flips(log exported) []bitOf {
	tries := 2_000
	if log.size > 1_000 {
		tries = 25
	}
	kinds := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(log.log)) {
		kinds[kind(name)] = append(kinds[kind(name)], name)
	}
	random := rand.New(rand.NewPCG(1, uint64(log.size)))
	var chosen []bitOf
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		bits := 0
		for _, name := range kinds[kind] {
			bits += 8 * len(log.log[name])
		}
		if bits > tries && kind != "checkpoint" && log.size > 1 {
			for range tries {
				name := kinds[kind][random.IntN(len(kinds[kind]))]
				chosen = append(chosen, bitOf{name, random.IntN(8 * len(log.log[name]))})
			}
			continue
		}
		for _, name := range kinds[kind] {
			for bit := range 8 * len(log.log[name]) {
				chosen = append(chosen, bitOf{name, bit})
			}
		}
	}
	return chosen
}

// kind is what a file of a log is: the checkpoint, or full or partial tiles of a level, or bundles.
func kind(name string) string {
	if name == "checkpoint" {
		return name
	}
	level := strings.Split(name, "/")[1]
	return fmt.Sprint(level, " partial ", strings.Contains(name, ".p/"))
}

// decodesToTheSame says whether Go takes a changed checkpoint for the one it was: then only bits were flipped that
// base64 does not use.
func decodesToTheSame(log exported, checkpoint []byte) bool {
	_, was, err := openCheckpoint(log.log["checkpoint"], log.vkey)
	if err != nil {
		return false
	}
	_, is, err := openCheckpoint(checkpoint, log.vkey)
	return err == nil && is.Text == was.Text && len(is.Sigs) == len(was.Sigs)
}

// withCheckpoint is a copy of the trail with another checkpoint.
func withCheckpoint(t *testing.T, log exported, checkpoint []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trail")
	if err := os.CopyFS(dir, os.DirFS(log.trail)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "checkpoint"), checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
