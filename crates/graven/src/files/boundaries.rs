//! Reads the names in `checkpoints/`: the sizes at which segments end.
//!
//! Opening and verifying both use this reader. If each had its own rule for a name such as `0256`, one could take it for
//! the end of a segment and the other not.

use std::io;
use std::path::Path;

use graven_core::tile::TILE_WIDTH;

use super::layout::Layout;
use crate::error::{Error, ErrorKind};
use crate::seam::disk::{Disk, Kind};

/// The names in `checkpoints/`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Boundaries {
    /// The sizes at which segments end, ascending.
    pub(crate) sizes: Vec<u64>,
    /// The names that do not belong there, in order.
    pub(crate) strays: Vec<String>,
}

impl Boundaries {
    /// Lists the directory. One that is absent has no names: tools that keep no empty directories drop it.
    pub(crate) fn list(disk: &dyn Disk, layout: &Layout) -> io::Result<Boundaries> {
        let names = match disk.read_names(&layout.boundaries()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let mut boundaries = Boundaries::default();
        for (name, kind) in names {
            match size(&name).filter(|_| kind == Kind::File) {
                Some(size) => boundaries.sizes.push(size),
                // A replacement that a crash interrupted.
                None if name.ends_with(".tmp") => {}
                None => boundaries.strays.push(name),
            }
        }
        boundaries.sizes.sort_unstable();
        Ok(boundaries)
    }
}

/// 0, then each size at which a segment ends, in order. The error is of kind `Data` for a name that does not belong
/// there.
pub(crate) fn boundaries(disk: &dyn Disk, layout: &Layout) -> Result<Vec<u64>, Error> {
    let dir = layout.boundaries();
    let found = Boundaries::list(disk, layout).map_err(|source| Error::cannot("list", &dir, source))?;
    match found.strays.first() {
        None => Ok(std::iter::once(0).chain(found.sizes).collect()),
        Some(name) => Err(stray(layout, &dir, name)),
    }
}

fn stray(layout: &Layout, dir: &Path, name: &str) -> Error {
    let message = format!(
        "{name:?} in {} is not the checkpoint of a segment's end, or not a regular file: move it away; see `graven verify \
         {}`",
        dir.display(),
        layout.dir().display()
    );
    Error::new(ErrorKind::Data, message)
}

/// The size that a name stands for. Each size has exactly one name.
fn size(name: &str) -> Option<u64> {
    let size: u64 = name.parse().ok()?;
    (size > 0 && size.is_multiple_of(TILE_WIDTH) && size.to_string() == name).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_one_name() {
        for (name, expected) in [
            ("256", Some(256)),
            ("512", Some(512)),
            ("18446744073709551360", Some(u64::MAX - 255)),
            ("18446744073709551616", None),
            ("18446744073709551615", None),
            ("0", None),
            ("000", None),
            ("+256", None),
            ("-256", None),
            ("0256", None),
            (" 256", None),
            ("256 ", None),
            ("256.bak", None),
            ("300", None),
            ("٢٥٦", None),
            ("", None),
        ] {
            assert_eq!(size(name), expected, "{name:?}");
        }
    }
}
