//! Names in `checkpoints/` that are not those of a segment's end: `verify` names them, and opening refuses them.

use graven::{ErrorKind, Settings, Trail};
use graven_core::verdict::Verdict;

use super::specimen::{Specimen, places};

const STRAYS: &[&str] = &[
    "0",
    "000",
    "+256",
    "-256",
    "0256",
    " 256",
    "256 ",
    "256.bak",
    "300",
    "18446744073709551616",
    "99999999999999999999999999",
    "notes",
];

#[test]
fn a_stray_name_is_told_and_refused() {
    let specimen = Specimen::new(1_500, 40_000);
    let good = specimen.bytes("checkpoints/256").to_vec();
    for stray in STRAYS {
        let name = format!("checkpoints/{stray}");
        let report = specimen.with(&[(&name, Some(good.clone()))]);
        assert_eq!(places(&report), [(Verdict::Inserted, None, None, Some(name.clone()), None)]);
        assert_eq!(report.exit_code(), 1);
        specimen.put(&name, Some(&good));
        let error = Trail::open(Settings::new(specimen.path())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{stray:?}: {error}");
        assert!(error.to_string().contains(&format!("{stray:?}")), "{error}");
        let error = Trail::repair(Settings::new(specimen.path())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{stray:?}: {error}");
        specimen.put(&name, None);
    }
    std::fs::create_dir(specimen.path().join("checkpoints/2560")).unwrap();
    let report = specimen.with(&[]);
    let name = Some("checkpoints/2560".to_owned());
    assert_eq!(places(&report), [(Verdict::Inserted, None, None, name, None)]);
    assert_eq!(Trail::open(Settings::new(specimen.path())).unwrap_err().kind(), ErrorKind::Data);
    std::fs::remove_dir(specimen.path().join("checkpoints/2560")).unwrap();
    Trail::open(Settings::new(specimen.path())).unwrap().close_blocking().unwrap();
}

#[test]
fn what_an_interrupted_replacement_left_is_no_stray() {
    let specimen = Specimen::new(1_500, 40_000);
    for name in ["checkpoints/256.tmp", "checkpoints/1536.77-00ff.tmp"] {
        specimen.put(name, Some(b"graven.loc"));
    }
    assert_eq!(places(&specimen.with(&[])), []);
    Trail::open(Settings::new(specimen.path())).unwrap().close_blocking().unwrap();
}
