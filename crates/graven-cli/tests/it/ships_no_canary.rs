//! The binary contains none of the simulator's canaries, also when the simulator was built with it.

use std::path::Path;

#[test]
fn no_canary_is_named_in_the_binary() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../graven-sim/src/canary.rs");
    let sources = std::fs::read_to_string(sources).unwrap();
    let names: Vec<&str> = sources
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Canary::")?.split_once(" => \"")?.1.strip_suffix("\","))
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    let binary = std::fs::read(env!("CARGO_BIN_EXE_graven")).unwrap();
    let has = |text: &str| memchr::memmem::find(&binary, text.as_bytes()).is_some();
    assert!(has("is still being closed by this process"), "a text of the engine is in the binary");
    for name in names {
        assert!(!has(name), "{name}");
    }
}
