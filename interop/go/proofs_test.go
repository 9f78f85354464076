package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	merkle "github.com/transparency-dev/merkle/proof"
)

// proved is an entry and its proof, as Graven printed them.
type proved struct {
	index int
	entry []byte
	proof []byte
}

// prove lets graven prove some entries of a log: at the edges of tiles and segments, and in between.
func prove(t *testing.T, log exported) []proved {
	t.Helper()
	var proofs []proved
	for _, index := range []int{0, 1, 127, 128, 255, 256, 12_345, 65_535, 65_536, 69_999, 70_000} {
		if index >= log.size {
			continue
		}
		file := filepath.Join(t.TempDir(), "entry.tlog-proof")
		if _, err := run(nil, "prove", log.trail, "--index", strconv.Itoa(index), "--out", file); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		entry, err := run(nil, "show", log.trail, "--index", strconv.Itoa(index), "--raw")
		if err != nil {
			t.Fatal(err)
		}
		proofs = append(proofs, proved{index, entry, written})
	}
	return proofs
}

// checkProof judges a proof file with three libraries: one reads it, two follow it to the root.
func checkProof(file, entry []byte, vkey string) (proof.TLogProof, error) {
	var read proof.TLogProof
	if err := read.Unmarshal(file); err != nil {
		return read, err
	}
	head, _, err := openCheckpoint(read.Checkpoint, vkey)
	if err != nil {
		return read, err
	}
	var path tlog.RecordProof
	var hashes [][]byte
	for _, hash := range read.Hashes {
		path = append(path, tlog.Hash(hash))
		hashes = append(hashes, hash[:])
	}
	if read.Index >= uint64(head.N) {
		return read, fmt.Errorf("no entry %d in a tree of %d", read.Index, head.N)
	}
	leaf := tlog.RecordHash(entry)
	err = tlog.CheckRecord(path, head.N, head.Hash, int64(read.Index), leaf)
	other := merkle.VerifyInclusion(rfc6962.DefaultHasher, read.Index, uint64(head.N), leaf[:], hashes, head.Hash[:])
	if (err == nil) != (other == nil) {
		return read, fmt.Errorf("the libraries disagree: tlog %v, merkle %v", err, other)
	}
	return read, err
}

func TestEachProofIsAccepted(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		for _, proved := range prove(t, log) {
			read, err := checkProof(proved.proof, proved.entry, log.vkey)
			if err != nil {
				t.Errorf("entry %d: %v", proved.index, err)
			}
			if read.Index != uint64(proved.index) {
				t.Errorf("entry %d: the proof is of entry %d", proved.index, read.Index)
			}
			if printed := read.Marshal(); !bytes.Equal(printed, proved.proof) {
				t.Errorf("entry %d: the proof does not print back the same:\n%s%s", proved.index, proved.proof, printed)
			}
			// The entry is the one in the exported bundle.
			width := min(256, log.size-proved.index/256*256)
			entries, err := bundleEntries(log.log[bundlePath(int64(proved.index/256), int64(width))])
			if err != nil || !bytes.Equal(entries[proved.index%256], proved.entry) {
				t.Errorf("entry %d is another in its bundle (%v)", proved.index, err)
			}
			proof, entry := writeProof(t, proved.proof, proved.entry)
			mustAccept(t, "--proof", proof, "--entry", entry, "--key", log.vkey)
		}
	})
}

// The hashes in a tree's tiles make the same proof that Graven made.
func TestEachProofIsTheOneThatTheExportedTilesMake(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		head, _, err := openCheckpoint(log.log["checkpoint"], log.vkey)
		if err != nil {
			t.Fatal(err)
		}
		hashes := tlog.TileHashReader(head, tileReader{log.log})
		for _, proved := range prove(t, log) {
			read, err := checkProof(proved.proof, proved.entry, log.vkey)
			if err != nil {
				t.Fatal(err)
			}
			made, err := tlog.ProveRecord(head.N, int64(proved.index), hashes)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(made) != fmt.Sprint(asRecordProof(read)) {
				t.Errorf("entry %d: Graven proves by %v, the tiles by %v", proved.index, read.Hashes, made)
			}
		}
	})
}

func asRecordProof(read proof.TLogProof) tlog.RecordProof {
	path := tlog.RecordProof{}
	for _, hash := range read.Hashes {
		path = append(path, tlog.Hash(hash))
	}
	return path
}

func TestEachFlippedBitOfAProofIsRefused(t *testing.T) {
	each(t, func(t *testing.T, log exported) {
		t.Parallel()
		for _, proved := range prove(t, log) {
			was, err := checkProof(proved.proof, proved.entry, log.vkey)
			if err != nil {
				t.Fatal(err)
			}
			for bit := range 8 * len(proved.proof) {
				changed := flip(proved.proof, bit)
				is, err := checkProof(changed, proved.entry, log.vkey)
				if err != nil {
					continue
				}
				if !sameProof(was, is, log.vkey) {
					t.Errorf("entry %d: accepted with bit %d flipped:\n%s", proved.index, bit, changed)
				}
				// What Go reads as the same proof, Graven refuses, since it does not print back the same.
				proof, entry := writeProof(t, changed, proved.entry)
				mustRefuse(t, "--proof", proof, "--entry", entry, "--key", log.vkey)
			}
			for bit := range 8 * len(proved.entry) {
				if _, err := checkProof(proved.proof, flip(proved.entry, bit), log.vkey); err == nil {
					t.Errorf("entry %d: accepted with bit %d of the entry flipped", proved.index, bit)
				}
			}
		}
	})
}

// Each hash, and the signature, ends in a base64 character with two bits that Go does not look at; Graven does.
func TestGravenRefusesAProofThatIsNotPrintedAsItShould(t *testing.T) {
	log := logs(t)[2]
	for _, proved := range prove(t, log) {
		was, err := checkProof(proved.proof, proved.entry, log.vkey)
		if err != nil {
			t.Fatal(err)
		}
		for _, changed := range otherwiseEncoded(proved.proof) {
			if is, err := checkProof(changed, proved.entry, log.vkey); err == nil && !sameProof(was, is, log.vkey) {
				t.Errorf("entry %d: accepted, though it says something else:\n%s", proved.index, changed)
			}
			proof, entry := writeProof(t, changed, proved.entry)
			mustRefuse(t, "--proof", proof, "--entry", entry, "--key", log.vkey)
		}
	}
}

// sameProof says whether two proofs, both accepted, say the same.
func sameProof(a, b proof.TLogProof, vkey string) bool {
	_, textA, errA := openCheckpoint(a.Checkpoint, vkey)
	_, textB, errB := openCheckpoint(b.Checkpoint, vkey)
	return errA == nil && errB == nil && textA.Text == textB.Text &&
		a.Index == b.Index && fmt.Sprint(a.Hashes) == fmt.Sprint(b.Hashes)
}

// A proof of one entry does not prove another, and a proof under another log's key proves nothing.
func TestAProofIsOfOneEntryInOneLog(t *testing.T) {
	log := logs(t)[1]
	proofs := prove(t, log)
	for _, a := range proofs {
		for _, b := range proofs {
			if _, err := checkProof(a.proof, b.entry, log.vkey); (err == nil) != (a.index == b.index) {
				t.Errorf("the proof of entry %d with entry %d: %v", a.index, b.index, err)
			}
		}
	}
	other := filepath.Join(t.TempDir(), "trail")
	if _, err := run(nil, "init", other); err != nil {
		t.Fatal(err)
	}
	key, err := run(nil, "key", other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkProof(proofs[0].proof, proofs[0].entry, string(bytes.TrimSpace(key))); err == nil {
		t.Error("accepted with the key of another log")
	}
}

// writeProof writes a proof and its entry as files.
func writeProof(t *testing.T, proof, entry []byte) (proofFile, entryFile string) {
	t.Helper()
	dir := t.TempDir()
	proofFile, entryFile = filepath.Join(dir, "entry.tlog-proof"), filepath.Join(dir, "entry.json")
	for name, data := range map[string][]byte{proofFile: proof, entryFile: entry} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return proofFile, entryFile
}
