//! Signed notes: what can be read prints back the same; signatures of unknown keys are kept and never trusted.

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

    // No input is signed with this key.
    let key = SigningKey::from_seed("fuzz.example/log", [42; 32]).expect("a good name");
    note.verify(&[key.verifier_key()]).expect_err("a signature that was never made is refused");

    // Add our own signature to the existing ones.
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
