//! Paths of tiles and bundles, names of segments, and bundles: what can be read prints back the same.

#![no_main]

use graven::layout::{Layout, segment_first};
use graven_core::tile::{self, Bundle, Tile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((width, bundle)) = bytes.split_first_chunk() {
        entries(u16::from_be_bytes(*width), bundle);
    }
    if let Some((size, _)) = bytes.split_first_chunk() {
        implied(u64::from_be_bytes(*size));
    }
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    let tile = Tile::parse(path);
    if let Ok(tile) = &tile {
        assert_eq!(tile.path(), path, "parse, print");
        assert_eq!(Tile::parse(&tile.path()).as_ref(), Ok(tile), "parse, print, parse");
        assert!((1..=256).contains(&tile.width) && tile.level < 64);
    }
    if let Ok(bundle) = Bundle::parse(path) {
        assert_eq!(bundle.path(), path, "parse, print");
        assert_eq!(Bundle::parse(&bundle.path()), Ok(bundle), "parse, print, parse");
        assert!(
            (1..=256).contains(&bundle.width) && tile.is_err(),
            "a path is a tile or a bundle, never both"
        );
    }
    if let Some(first) = segment_first(path) {
        let name = Layout::in_dir("trail").segment(first);
        assert_eq!(name.file_name().and_then(|name| name.to_str()), Some(path), "parse, print");
    }
});

/// Checks that a bundle that can be read prints back the same bytes.
fn entries(width: u16, bytes: &[u8]) {
    let Ok(entries) = Bundle::decode(bytes, width) else { return };
    assert_eq!(entries.len(), usize::from(width));
    let mut written = Vec::new();
    for entry in entries {
        Bundle::encode_entry(entry, &mut written).expect("it was in a bundle");
    }
    assert_eq!(written, bytes, "parse, print");
}

/// Checks that the path of each tile of a log of this size reads back.
fn implied(size: u64) {
    // A large log has too many tiles to list, so only the edge of the tree is checked.
    let size = if size < 1 << 20 { size } else { return edge(size) };
    for tile in tile::tiles(size).chain(tile::tiles(size + 1)).step_by(97) {
        assert_eq!(Tile::parse(&tile.path()), Ok(tile));
    }
    let entries: u64 = tile::bundles(size).map(|bundle| u64::from(bundle.width)).sum();
    assert_eq!(entries, size, "the bundles hold every entry once");
}

fn edge(size: u64) {
    for level in 0..64 {
        let hashes = tile::level_hashes(size, level);
        let expected = if level < 8 { size >> (8 * u32::from(level)) } else { 0 };
        assert_eq!(hashes, expected);
        if hashes > 0 {
            let tile = Tile { level, index: (hashes - 1) / 256, width: 256 };
            assert_eq!(Tile::parse(&tile.path()), Ok(tile));
        }
    }
}
