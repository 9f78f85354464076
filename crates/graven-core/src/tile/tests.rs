//! Paths, counts and bundles against the words of C2SP tlog-tiles.

use super::*;

#[test]
fn paths_print_as_the_format_says_and_read_back() {
    for (level, index, width, path) in [
        (0, 0, 256, "tile/0/000"),
        (0, 0, 1, "tile/0/000.p/1"),
        (1, 17, 255, "tile/1/017.p/255"),
        (2, 1_000, 256, "tile/2/x001/000"),
        (3, 1_234_067, 256, "tile/3/x001/x234/067"),
        (63, 1_234_067, 8, "tile/63/x001/x234/067.p/8"),
        (0, u64::MAX, 256, "tile/0/x018/x446/x744/x073/x709/x551/615"),
    ] {
        let tile = Tile { level, index, width };
        assert_eq!(tile.path(), path);
        assert_eq!(Tile::parse(path), Ok(tile));
        let (_, place) = path["tile/".len()..].split_once('/').unwrap();
        let path = format!("tile/entries/{place}");
        let bundle = Bundle { index, width };
        assert_eq!(bundle.path(), path);
        assert_eq!(Bundle::parse(&path), Ok(bundle));
    }
}

#[test]
fn any_other_spelling_of_a_path_is_refused() {
    let places = [
        "",
        "0",
        "00",
        "0000",
        "00a",
        "x000",
        "x000/000",
        "x01/000",
        "x001/00",
        "001/000",
        "x001/x000",
        "000/",
        "/000",
        "xx001/000",
        "+01",
        "000.p",
        "000.p/",
        "000.p/0",
        "000.p/01",
        "000.p/256",
        "000.p/257",
        "000.p/-1",
        "000.p/1.p/1",
        "000.p/1/",
        "000.p/65537",
        "000.P/1",
        "x018/x446/x744/x073/x709/x551/616",
        "x001/x018/x446/x744/x073/x709/x551/615",
        "000\n",
        " 000",
    ];
    let paths = places.iter().flat_map(|place| [format!("tile/0/{place}"), format!("tile/entries/{place}")]);
    let others =
        ["", "tile", "tile/0", "/tile/0/000", "tile/64/000", "tile/00/000", "tile/-1/000", "tile/256/000"]
            .map(str::to_owned);
    for path in paths.chain(others) {
        assert_eq!(Tile::parse(&path), Err(TileError::Path(path.clone())));
        assert_eq!(Bundle::parse(&path), Err(TileError::Path(path.clone())));
    }
    assert!(Tile::parse("tile/entries/000").is_err());
    assert!(Bundle::parse("tile/0/000").is_err());
}

#[test]
fn a_size_implies_the_tiles_of_the_format_s_own_examples() {
    let paths = |size| tiles(size).map(|tile| tile.path()).collect::<Vec<String>>();
    assert_eq!(paths(0), [""; 0]);
    assert_eq!(paths(1), ["tile/0/000.p/1"]);
    assert_eq!(paths(255), ["tile/0/000.p/255"]);
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    let big = paths(70_000);
    assert_eq!(big.len(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(
        big[272..],
        ["tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
}

#[test]
fn a_size_implies_each_entry_once() {
    for size in [0, 1, 255, 256, 257, 512, 70_000] {
        let mut next = 0;
        for bundle in bundles(size) {
            assert_eq!(bundle.index * TILE_WIDTH, next);
            next += u64::from(bundle.width);
        }
        assert_eq!(next, size);
    }
}

#[test]
fn levels_end_where_sizes_do() {
    assert_eq!(level_hashes(70_000, 0), 70_000);
    assert_eq!(level_hashes(70_000, 1), 273);
    assert_eq!(level_hashes(70_000, 2), 1);
    assert_eq!(level_hashes(70_000, 3), 0);
    assert_eq!(level_hashes(u64::MAX, 7), 255);
    assert_eq!(level_hashes(u64::MAX, 8), 0);
    assert_eq!(level_hashes(u64::MAX, 255), 0);
}

#[test]
fn a_node_is_found_in_one_tile() {
    assert_eq!(node_hashes(Node { level: 0, index: 300 }), (0, 300..301));
    assert_eq!(node_hashes(Node { level: 7, index: 3 }), (0, 384..512));
    assert_eq!(node_hashes(Node { level: 8, index: 3 }), (1, 3..4));
    assert_eq!(node_hashes(Node { level: 19, index: 2 }), (2, 16..24));
}

#[test]
fn bundles_decode_to_the_entries_and_refuse_any_other_number_of_bytes() {
    let longest = vec![7; ENTRY_BYTES_MAX];
    let entries: [&[u8]; 3] = [b"", b"entry", &longest];
    let mut bundle = Vec::new();
    for entry in entries {
        Bundle::encode_entry(entry, &mut bundle).unwrap();
    }
    assert_eq!(bundle[..9], *b"\x00\x00\x00\x05entry");
    assert_eq!(Bundle::decode(&bundle, 3), Ok(entries.to_vec()));
    assert_eq!(Bundle::decode(&bundle[..bundle.len() - 1], 3), Err(TileError::BundleTooShort { entry: 2 }));
    assert_eq!(Bundle::decode(&bundle[..3], 3), Err(TileError::BundleTooShort { entry: 1 }));
    assert_eq!(Bundle::decode(&bundle, 4), Err(TileError::BundleTooShort { entry: 3 }));
    assert_eq!(Bundle::decode(&bundle[..9], 1), Err(TileError::BundleTooLong { width: 1, bytes: 7 }));
    assert_eq!(Bundle::decode(&[], 0), Ok(vec![]));

    let before = bundle.clone();
    let too_long = Bundle::encode_entry(&[0; ENTRY_BYTES_MAX + 1], &mut bundle);
    assert_eq!(too_long, Err(TileError::EntryTooLong { bytes: 65_536 }));
    assert_eq!(bundle, before);
}
