//! Signed notes: what reads prints back the same; signatures of strangers are carried and never believed.

#![no_main]

use graven_core::note::{Note, SigningKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let note = match Note::parse(bytes) {
        Ok(note) => note,
        Err(error) => return assert!(error.to_string().len() < 1024),
    };
    assert_eq!(note.to_string().as_bytes(), bytes, "parse, print");
    assert_eq!(Note::parse(note.to_string().as_bytes()).as_ref(), Ok(&note), "parse, print, parse");

    // Nobody has the key that is made up here, so nobody has signed with it.
    let key = SigningKey::from_seed("fuzz.example/log", [42; 32]).expect("a good name");
    note.verify(&[key.verifier_key()]).expect_err("a signature was believed that was never made");

    // Our own signature beside those that are there.
    let mut signed = note.clone();
    signed.signatures.extend(Note::sign(note.text.clone(), &key).signatures);
    let of_that_name = |signature: &&graven_core::note::NoteSignature| {
        signature.name == key.name() && signature.key_id == key.key_id()
    };
    let forged = note.signatures.iter().any(|signature| of_that_name(&signature));
    assert_eq!(signed.verify(&[key.verifier_key()]).is_ok(), !forged, "a forged signature beside a good one");
    if let Ok(again) = Note::parse(signed.to_string().as_bytes()) {
        assert_eq!(again, signed);
    } else {
        assert_eq!(note.signatures.len(), graven_core::note::SIGNATURES_MAX);
    }
});
