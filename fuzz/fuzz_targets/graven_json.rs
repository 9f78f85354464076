//! `graven.json`: what can be read prints bytes that read as the same value.

#![no_main]

use graven::meta::{Meta, VERSION};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let meta = match Meta::parse(bytes) {
        Ok(meta) => meta,
        Err(problem) => return assert!(problem.len() < bytes.len() + 4096),
    };
    assert!((1..=VERSION).contains(&meta.version));
    assert!(!meta.is_signed() || meta.to_bytes() == bytes, "what is signed has one spelling");
    assert_eq!(meta.key.name(), meta.origin);
    let printed = meta.to_bytes();
    assert_eq!(Meta::parse(&printed).as_ref(), Ok(&meta), "parse, print, parse");
    assert_eq!(Meta::parse(&printed).map(|meta| meta.to_bytes()), Ok(printed), "one spelling");
});
