//! The one name of a trail in the verifier's memory, made from the text of its path alone.

use std::io;
use std::path::{Component, Path, PathBuf, absolute};

/// The absolute path, with `.` and `..` removed. Links are not resolved: who can replace a link would choose what is
/// remembered. For the same reason a directory, its live file and the directory beside a live file have one name,
/// whatever lies there: a trail is not another one because a forged `x.jsonl.d/` was put beside `x.jsonl`.
pub(super) fn of_trail(path: &Path) -> io::Result<PathBuf> {
    let mut name = without_dots(path)?;
    while let Some(shorter) = shorter(&name) {
        name = shorter;
    }
    Ok(name)
}

/// The absolute path, with `.` and `..` removed as text.
pub(super) fn without_dots(path: &Path) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    for component in absolute(path)?.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// `d` for `d/audit.jsonl`, and `x.jsonl` for `x.jsonl.d`.
fn shorter(name: &Path) -> Option<PathBuf> {
    let last = name.file_name()?.as_encoded_bytes();
    if last == b"audit.jsonl" {
        return name.parent().map(Path::to_owned);
    }
    last.ends_with(b".jsonl.d").then(|| name.with_extension(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_path_leads_to_one_name() {
        for (path, name) in [
            ("/srv/trail", "/srv/trail"),
            ("/srv/trail/", "/srv/trail"),
            ("/srv/./other//../trail", "/srv/trail"),
            ("/../srv/trail", "/srv/trail"),
            ("/srv/trail/audit.jsonl", "/srv/trail"),
            ("/srv/trail/audit.jsonl.d", "/srv/trail"),
            ("/srv/app.jsonl", "/srv/app.jsonl"),
            ("/srv/app.jsonl.d", "/srv/app.jsonl"),
            ("/srv/app.jsonl.d/", "/srv/app.jsonl"),
            ("/srv/app.jsonl/audit.jsonl", "/srv/app.jsonl"),
            ("/srv/conf.d", "/srv/conf.d"),
            ("/audit.jsonl", "/"),
            ("/", "/"),
        ] {
            assert_eq!(of_trail(Path::new(path)).unwrap(), Path::new(name), "{path}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(of_trail(Path::new("a/../trail")).unwrap(), here.join("trail"));
    }
}
