//! Checkpoints: what can be read prints back the same, and a signed one with one changed byte is refused.
//!
//! The first two bytes choose which byte is changed, and how; the rest is the text.

#![no_main]

use graven_core::checkpoint::Checkpoint;
use graven_core::note::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(([place, change], rest)) = data.split_first_chunk() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let Ok(checkpoint) = Checkpoint::parse_text(text) else { return };
    assert_eq!(checkpoint.to_text(), text, "parse, print");
    assert_eq!(
        Checkpoint::parse_text(&checkpoint.to_text()).as_ref(),
        Ok(&checkpoint),
        "parse, print, parse"
    );

    // Some origins cannot be the name of a key, and some bytes cannot be in a note. Such a text is never signed.
    let Ok(key) = SigningKey::from_seed(&checkpoint.origin, [7; 32]) else { return };
    if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return;
    }
    let mut note = checkpoint.sign(&key).to_string().into_bytes();
    let (read, _) = Checkpoint::open(&note, key.verifier_key()).expect("a signed checkpoint opens");
    assert_eq!(read, checkpoint);

    if *change != 0 {
        let place = usize::from(*place) * note.len() / 256;
        note[place] ^= change;
        Checkpoint::open(&note, key.verifier_key()).expect_err("one changed byte is found");
    }
});
