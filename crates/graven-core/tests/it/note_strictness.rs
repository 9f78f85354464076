//! Notes, keys, checkpoints and proof files have one spelling, and any bit changed in them is seen.

use graven_core::base64;
use graven_core::checkpoint::{Checkpoint, CheckpointError};
use graven_core::hash::{Hash, leaf_hash, sha256};
use graven_core::note::{
    NOTE_BYTES_MAX, Note, NoteError, NoteSignature, SIGNATURES_MAX, SigningKey, VerifierKey,
};
use graven_core::proof::ProofError;
use graven_core::tlog_proof::{TlogProof, TlogProofError};
use proptest::prelude::*;

use crate::memory::Log;

#[test]
fn every_bit_changed_in_a_signed_checkpoint_is_seen() {
    let (key, log) = (key(), Log::of_size(5));
    let note = checkpoint(&log, 5).sign(&key).to_string();
    assert!(Checkpoint::open(note.as_bytes(), key.verifier_key()).is_ok());
    for changed in one_bit_changes(note.as_bytes()) {
        let opened = Checkpoint::open(&changed, key.verifier_key());
        assert!(opened.is_err(), "{:?}", String::from_utf8_lossy(&changed));
    }
}

#[test]
fn every_bit_changed_in_a_proof_file_or_its_entry_is_seen() {
    let (key, log) = (key(), Log::of_size(5));
    let checkpoint = checkpoint(&log, 5).sign(&key).to_string();
    let proof = TlogProof { index: 2, hashes: log.inclusion(2, 5), extra: None, checkpoint };
    let verify = |file: &[u8], entry: &[u8]| TlogProof::parse(file)?.verify(entry, key.verifier_key());
    let file = proof.to_string();
    assert_eq!(verify(file.as_bytes(), b"entry 2").map(|checkpoint| checkpoint.size), Ok(5));
    for changed in one_bit_changes(file.as_bytes()) {
        assert!(verify(&changed, b"entry 2").is_err(), "{:?}", String::from_utf8_lossy(&changed));
    }
    let failed = ProofError::Inclusion { index: 2, size: 5 };
    for changed in one_bit_changes(b"entry 2") {
        assert_eq!(verify(file.as_bytes(), &changed), Err(TlogProofError::Proof(failed.clone())));
    }
}

#[test]
fn every_bit_changed_in_a_key_line_is_seen() {
    let key = key();
    for changed in one_bit_changes(key.verifier_key().to_string().as_bytes()) {
        let other = String::from_utf8(changed).ok().and_then(|line| VerifierKey::parse(&line).ok());
        assert_eq!(other, None);
    }
    for changed in one_bit_changes(key.to_secret_string().as_bytes()) {
        assert!(String::from_utf8(changed).ok().and_then(|line| SigningKey::parse(&line).ok()).is_none());
    }
}

#[test]
fn a_note_is_refused_for_each_departure_from_the_format() {
    let key = key();
    let note = Note::sign("text\n", &key).to_string();
    let line = note.lines().last().unwrap();
    let malformed = |number| Err(NoteError::SignatureLine { number });
    for (changed, expected) in [
        (String::new(), Err(NoteError::NoNewline)),
        ("text\n".to_owned(), Err(NoteError::NoSignatures)),
        ("text\n\n".to_owned(), Err(NoteError::NoSignatures)),
        (format!("text\n{line}\n"), Err(NoteError::NoSignatures)),
        (format!("text\n\n{line}"), Err(NoteError::NoNewline)),
        (format!("text\n\n{line}\n\n"), Err(NoteError::NoSignatures)),
        (format!("text\n\n{line}\r\n"), Err(NoteError::ControlCharacter { offset: 6 + line.len() })),
        (format!("te\txt\n\n{line}\n"), Err(NoteError::ControlCharacter { offset: 2 })),
        (format!("text\n\n{line} \n"), malformed(1)),
        (format!("text\n\n{line}\n{line}x\n"), malformed(2)),
        (format!("text\n\n{}\n", line.replace('—', "-")), malformed(1)),
        (format!("text\n\n{}\n", line.replace("— ", "—\u{a0}")), malformed(1)),
        (format!("text\n\n{}\n", line.replace("example", "exam+ple")), malformed(1)),
        (format!("text\n\n{}\n", line.replace("example", "exam\u{2003}ple")), malformed(1)),
        (format!("text\n\n{}\n", line.replace("— graven.example/test ", "—  ")), malformed(1)),
        (format!("text\n\n{}\n", line.trim_end_matches('=')), malformed(1)),
        // The key's identifier, and no signature after it.
        ("text\n\n— name AAAAAA==\n".to_owned(), malformed(1)),
        ("text\n\n— name AAA=\n".to_owned(), malformed(1)),
        // Bits that no encoder writes.
        ("text\n\n— name AAAAAAB=\n".to_owned(), malformed(1)),
    ] {
        assert_eq!(Note::parse(changed.as_bytes()), expected, "{changed:?}");
    }
    assert_eq!(Note::parse(b"text\xff\n\n"), Err(NoteError::NotText));
}

#[test]
fn a_note_is_parted_at_its_last_empty_line() {
    let note = Note::sign("one\n\ntwo\n\n", &key());
    let parsed = Note::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.text, "one\n\ntwo\n\n");
    assert_eq!(parsed, note);
}

#[test]
fn notes_are_bounded_in_signatures_and_bytes() {
    let mut note = Note::sign("text\n", &key());
    let unknown =
        |number: usize| NoteSignature { name: format!("unknown{number}"), key_id: 1, signature: vec![0; 64] };
    note.signatures.extend((1..SIGNATURES_MAX).map(unknown));
    assert_eq!(Note::parse(note.to_string().as_bytes()).as_ref(), Ok(&note));
    assert_eq!(note.verify(&[key().verifier_key()]).map(|signers| signers.len()), Ok(1));
    note.signatures.push(unknown(SIGNATURES_MAX));
    assert_eq!(Note::parse(note.to_string().as_bytes()), Err(NoteError::TooManySignatures));

    let note = Note::sign("x".repeat(NOTE_BYTES_MAX) + "\n", &key()).to_string();
    assert_eq!(Note::parse(note.as_bytes()), Err(NoteError::TooLong { bytes: note.len() }));
}

#[test]
fn unknown_signatures_are_ignored_and_bad_known_ones_reject_the_note() {
    let (known, other) = (key(), SigningKey::from_seed("other.example", [2; 32]).unwrap());
    // The same name as the known key, but another key, and the other way round.
    let namesake = SigningKey::from_seed(known.name(), [3; 32]).unwrap();
    let mut note = Note::sign("text\n", &other);
    assert_eq!(note.verify(&[known.verifier_key()]), Err(NoteError::NotSigned));
    note.signatures.extend(Note::sign("text\n", &namesake).signatures);
    assert_eq!(note.verify(&[known.verifier_key()]), Err(NoteError::NotSigned));
    note.signatures.push(NoteSignature { key_id: known.key_id(), ..note.signatures[0].clone() });
    assert_eq!(note.verify(&[known.verifier_key()]), Err(NoteError::NotSigned));

    let good = Note::sign("text\n", &known).signatures.remove(0);
    note.signatures.extend([good.clone(), good.clone()]);
    assert_eq!(note.verify(&[known.verifier_key()]), Ok(vec![known.verifier_key()]));
    let both = [known.verifier_key(), other.verifier_key()];
    assert_eq!(note.verify(&both), Ok(vec![other.verifier_key(), known.verifier_key()]));

    // Bad in any place, even behind a good one of the same key.
    let bad = Note::sign("another text\n", &known).signatures.remove(0);
    let rejected = Err(NoteError::BadSignature { name: known.name().to_owned() });
    for signatures in [vec![bad.clone()], vec![good.clone(), bad.clone()], vec![bad, good.clone()]] {
        assert_eq!(Note { signatures, ..note.clone() }.verify(&both), rejected);
    }
    let short = NoteSignature { signature: good.signature[..63].to_vec(), ..good };
    assert_eq!(Note { signatures: vec![short], ..note }.verify(&both), rejected);
}

#[test]
fn a_signature_has_one_spelling_of_its_number() {
    // The order of the group, the lowest byte first: a number means the same to the curve with it added.
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let key = key();
    let mut note = Note::sign("text\n", &key);
    let mut carry = 0;
    for (place, byte) in note.signatures[0].signature[32..].iter_mut().enumerate() {
        let digits = &order[place * 2..place * 2 + 2];
        let sum = u16::from(*byte) + u16::from_str_radix(digits, 16).unwrap() + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "the changed number still fits its 32 bytes");
    assert_eq!(
        note.verify(&[key.verifier_key()]),
        Err(NoteError::BadSignature { name: key.name().to_owned() })
    );
}

#[test]
fn a_signature_that_only_lenient_verifiers_take_is_refused() {
    // Made with the private key itself: its first half is the neutral element, a point of small order.
    let number = "3777571940ee7be9f8ff4e09e1fb6f0740d2ca4e806a6ab4c0d6f35bddf19c0f";
    let key = key();
    let mut note = Note::sign("text\n", &key);
    let signature = &mut note.signatures[0].signature;
    signature[..32].fill(0);
    signature[0] = 1;
    for (place, byte) in signature[32..].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&number[place * 2..place * 2 + 2], 16).unwrap();
    }
    assert_eq!(
        note.verify(&[key.verifier_key()]),
        Err(NoteError::BadSignature { name: key.name().to_owned() })
    );
}

#[test]
fn two_known_keys_that_cannot_be_told_apart_are_an_error() {
    // Found by search: under this name the keys of these two seeds have one identifier.
    let [one, two] = [9_978_u32, 96_561].map(|number| {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        SigningKey::from_seed("name", seed).unwrap()
    });
    assert_eq!(one.key_id(), two.key_id());
    let note = Note::sign("text\n", &one);
    let (one, two) = (one.verifier_key(), two.verifier_key());
    assert_eq!(note.verify(&[one, two]), Err(NoteError::AmbiguousKeys { name: "name".to_owned() }));
    assert_eq!(note.verify(&[one, one]), Ok(vec![one]));
    assert_eq!(note.verify(&[two]), Err(NoteError::BadSignature { name: "name".to_owned() }));
}

#[test]
fn public_keys_that_verifiers_disagree_on_are_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    // The neutral element once more, in a spelling that only lenient readers take: its coordinate plus the
    // field's prime.
    let mut respelt = [0xff; 32];
    (respelt[0], respelt[31]) = (0xee, 0x7f);
    // The same trick on a sound point, the one with coordinate 3.
    let mut sound_but_respelt = respelt;
    sound_but_respelt[0] = 0xf0;
    let mut off_the_curve = [0; 32];
    off_the_curve[0] = 2;
    for bytes in [[0; 32], neutral, respelt, sound_but_respelt, off_the_curve] {
        assert_eq!(VerifierKey::from_bytes("name", &bytes), Err(NoteError::PublicKey), "{bytes:?}");
        assert_eq!(VerifierKey::parse(&key_line("name", 0x01, &bytes)), Err(NoteError::PublicKey));
    }
}

#[test]
fn key_lines_are_refused_for_each_departure_from_their_form() {
    let key = SigningKey::from_seed("name", [9; 32]).unwrap();
    let line = key.verifier_key().to_string();
    let [name, id, blob] = line.splitn(3, '+').collect::<Vec<&str>>().try_into().unwrap();
    let bytes = base64::decode(blob).unwrap();
    for (changed, expected) in [
        (String::new(), NoteError::VerifierKey),
        (format!("{name}+{id}"), NoteError::VerifierKey),
        (format!("{line}\n"), NoteError::VerifierKey),
        (format!("{name}+{id}+{}", base64::encode(&bytes[..32])), NoteError::VerifierKey),
        (format!("{name}+{id}+"), NoteError::VerifierKey),
        (format!("{name}+{}+{blob}", id.to_uppercase()), NoteError::KeyId),
        (format!("{name}+0{id}+{blob}"), NoteError::KeyId),
        (format!("other+{id}+{blob}"), NoteError::KeyId),
        (format!(" {line}"), NoteError::Name { name: " name".to_owned() }),
        (key_line("name", 0x06, &bytes[1..]), NoteError::UnsupportedKey { kind: 0x06 }),
    ] {
        assert_eq!(VerifierKey::parse(&changed), Err(expected), "{changed:?}");
    }
    let secret = key.to_secret_string();
    for (changed, expected) in [
        (line.clone(), NoteError::SigningKey),
        (secret.replacen("KEY", "key", 1), NoteError::SigningKey),
        (format!("{}\n", *secret), NoteError::SigningKey),
        (secret.replacen(id, "00000000", 1), NoteError::KeyId),
        (secret.replacen("name", "other", 1), NoteError::KeyId),
    ] {
        assert_eq!(SigningKey::parse(&changed).map(|_| ()), Err(expected), "{changed:?}");
    }
}

#[test]
fn a_private_key_does_not_show_itself() {
    let key = key();
    let shown = format!("{key:?} {key:#?}");
    let secret = key.to_secret_string();
    let (_, blob) = secret.rsplit_once('+').unwrap();
    assert!(!shown.contains(blob) && !shown.contains("PRIVATE"), "{shown}");
    assert!(shown.contains(&key.verifier_key().to_string()));
}

#[test]
fn names_of_keys_are_those_of_the_format() {
    for name in ["a", "example.com/log42", "graven.local/0123456789abcdef", "日本", &"x".repeat(255)] {
        assert!(SigningKey::from_seed(name, [1; 32]).is_ok(), "{name:?}");
    }
    for name in ["", "a b", "a+b", "a\nb", "a\u{85}b", "a\u{3000}", "\u{7f}", "a\0", &"x".repeat(256)] {
        let refused = Err(NoteError::Name { name: name.to_owned() });
        assert_eq!(SigningKey::from_seed(name, [1; 32]).map(|_| ()), refused);
    }
}

#[test]
fn checkpoint_texts_are_refused_for_each_departure_from_the_format() {
    let root = leaf_hash(b"").to_string();
    let good = format!("origin\n12\n{root}\n");
    let parsed = Checkpoint::parse_text(&good).unwrap();
    assert_eq!(parsed.to_text(), good);
    let extended = Checkpoint::parse_text(&format!("{good}more\nand more\n")).unwrap();
    assert_eq!(extended.extensions, ["more", "and more"]);
    // The oldest logs have names that are not those of keys.
    assert!(Checkpoint::parse_text(&format!("go.sum database tree\n12\n{root}\n")).is_ok());

    for text in ["", "\n", "origin\n", "origin\n12\n", &format!("origin\n12\n{root}")] {
        assert_eq!(Checkpoint::parse_text(text), Err(CheckpointError::Lines), "{text:?}");
    }
    for size in ["", "012", "+12", "-1", " 12", "12 ", "1e3", "0x1", "18446744073709551616", "١٢"] {
        let text = good.replacen("12", size, 1);
        assert_eq!(Checkpoint::parse_text(&text), Err(CheckpointError::Size), "{text:?}");
    }
    for (from, to) in [("=", ""), ("=\n", "=\r\n"), (root.as_str(), ""), (root.as_str(), "AAAA")] {
        let text = good.replacen(from, to, 1);
        assert!(matches!(Checkpoint::parse_text(&text), Err(CheckpointError::Root(_))), "{text:?}");
    }
    for text in [good.replacen("origin", "", 1), format!("{good}\n"), format!("{good}more\n\nmore\n")] {
        assert_eq!(Checkpoint::parse_text(&text), Err(CheckpointError::EmptyLine), "{text:?}");
    }
    let empty = good.replacen("12", "0", 1);
    assert_eq!(Checkpoint::parse_text(&empty), Err(CheckpointError::EmptyTreeRoot));
    assert!(Checkpoint::parse_text(&empty.replacen(&root, &Hash::EMPTY_TREE.to_string(), 1)).is_ok());
    assert!(Checkpoint::parse_text(&good.replacen("12", "18446744073709551615", 1)).is_ok());
}

#[test]
fn a_checkpoint_of_another_log_does_not_open_even_under_the_right_key() {
    let key = key();
    let mut checkpoint = checkpoint(&Log::of_size(1), 1);
    checkpoint.origin = "another.example".to_owned();
    let note = Note::sign(checkpoint.to_text(), &key).to_string();
    let expected = CheckpointError::Origin { found: checkpoint.origin, expected: key.name().to_owned() };
    assert_eq!(Checkpoint::open(note.as_bytes(), key.verifier_key()), Err(expected));
}

#[test]
fn other_notes_of_the_same_key_are_no_checkpoints() {
    let key = key();
    let note = Note::sign(format!("graven/closed/v1\n{}\n0\n{}\n", key.name(), Hash::EMPTY_TREE), &key);
    assert_eq!(Checkpoint::open(note.to_string().as_bytes(), key.verifier_key()), Err(CheckpointError::Size));
}

#[test]
#[should_panic = "a log signs with the key of its own name"]
fn a_checkpoint_is_not_signed_by_another_log() {
    let other = SigningKey::from_seed("other.example", [2; 32]).unwrap();
    checkpoint(&Log::of_size(1), 1).sign(&other);
}

#[test]
#[should_panic = "a checkpoint reads back before it is signed"]
fn a_checkpoint_that_would_not_read_back_is_not_signed() {
    let mut checkpoint = checkpoint(&Log::of_size(1), 1);
    checkpoint.extensions = vec!["one line\nand another".to_owned()];
    checkpoint.sign(&key());
}

#[test]
fn proof_files_are_refused_for_each_departure_from_the_format() {
    let log = Log::of_size(3);
    let checkpoint = checkpoint(&log, 3).sign(&key()).to_string();
    let extra = Some(b"beside".to_vec());
    let proof = TlogProof { index: 1, hashes: log.inclusion(1, 3), extra, checkpoint };
    let file = proof.to_string();
    assert_eq!(TlogProof::parse(file.as_bytes()), Ok(proof.clone()));
    let changed = |from: &str, to: &str| TlogProof::parse(file.replacen(from, to, 1).as_bytes());

    assert_eq!(changed("@v1", "@v2"), Err(TlogProofError::Header));
    assert_eq!(changed("c2sp", "\nc2sp"), Err(TlogProofError::Header));
    assert_eq!(changed("extra YmVzaWRl", "extra "), Err(TlogProofError::Extra));
    assert_eq!(changed("extra YmVzaWRl", "extra YmVzaWR"), Err(TlogProofError::Extra));
    assert_eq!(changed("extra YmVzaWRl", "extra"), Err(TlogProofError::Index));
    assert_eq!(changed("extra YmVzaWRl", "extra YmVzaWRl\nextra YmVzaWRl"), Err(TlogProofError::Index));
    assert_eq!(changed("index 1", "index 01"), Err(TlogProofError::Index));
    assert_eq!(changed("index 1", "index -1"), Err(TlogProofError::Index));
    assert_eq!(changed("index 1\n", ""), Err(TlogProofError::Index));
    assert!(matches!(changed("=\n", "\n"), Err(TlogProofError::Hash { number: 1, .. })));
    assert!(matches!(changed("index 1\n", "index 1\nAAAA\n"), Err(TlogProofError::Hash { number: 1, .. })));
    // Without the empty line, the checkpoint's origin stands where a third hash would.
    assert!(matches!(changed("=\n\n", "=\n"), Err(TlogProofError::Hash { number: 3, .. })));
    assert!(matches!(changed("\n\n", "\n\n\n"), Err(TlogProofError::Checkpoint(_))));
    assert_eq!(TlogProof::parse(b"\xff"), Err(TlogProofError::NotText));
    assert_eq!(TlogProof::parse(b""), Err(TlogProofError::NoCheckpoint));
    let many = TlogProof { hashes: vec![log.leaf(0); 65], ..proof.clone() };
    assert_eq!(TlogProof::parse(many.to_string().as_bytes()), Err(TlogProofError::TooManyHashes));

    let other = SigningKey::from_seed("other.example", [2; 32]).unwrap();
    assert!(matches!(
        proof.verify(b"entry 1", other.verifier_key()),
        Err(TlogProofError::Checkpoint(CheckpointError::Note(NoteError::NotSigned)))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever the parsers take prints back the same, for bytes that are nearly right.
    #[test]
    fn what_is_read_prints_back_the_same(
        size in 1..5u64,
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..5)),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![prop::sample::select(b"\n 0=+A\x00".to_vec()), any::<u8>()],
        change in 0..4u8,
    ) {
        let log = Log::of_size(size);
        let checkpoint = checkpoint(&log, size).sign(&key()).to_string();
        let mut file = TlogProof { index: 0, hashes: log.inclusion(0, size), extra, checkpoint }.to_string().into_bytes();
        let place = place.index(file.len());
        match change {
            0 => file[place] = byte,
            1 => file.insert(place, byte),
            2 => drop(file.remove(place)),
            _ => {}
        }
        let proof = TlogProof::parse(&file);
        prop_assert!(change < 3 || proof.is_ok());
        if let Ok(proof) = proof {
            prop_assert_eq!(proof.to_string().into_bytes(), file);
            let note = Note::parse(proof.checkpoint.as_bytes()).unwrap();
            prop_assert_eq!(note.to_string(), proof.checkpoint);
            prop_assert_eq!(Checkpoint::parse_text(&note.text).unwrap().to_text(), note.text);
        }
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed("graven.example/test", [1; 32]).expect("a good name")
}

fn checkpoint(log: &Log, size: u64) -> Checkpoint {
    Checkpoint { origin: key().name().to_owned(), size, root: log.root(size), extensions: Vec::new() }
}

fn one_bit_changes(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}

/// A verifier key in the right form, whatever its bytes are.
fn key_line(name: &str, kind: u8, bytes: &[u8]) -> String {
    let hash = sha256(&[name.as_bytes(), &[b'\n', kind], bytes].concat()).to_hex();
    format!("{name}+{}+{}", &hash[..8], base64::encode(&[&[kind], bytes].concat()))
}
