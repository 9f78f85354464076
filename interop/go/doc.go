// Package interop judges Graven with other people's code.
//
// Its tests have the graven binary, named by GRAVEN_BIN, record and export logs and make proofs, and hand these to
// golang.org/x/mod (sumdb/note, sumdb/tlog), to Tessera's fsck and to transparency-dev's proof files: all of it must
// be accepted, and refused after any flipped bit. Go, curl and Python log in by certificates of all kinds.
//
//	GRAVEN_BIN=../../target/release/graven go test -count=1 ./...
//
// With -count=1, because go does not see that the binary is another one and would answer from its cache.
package interop
