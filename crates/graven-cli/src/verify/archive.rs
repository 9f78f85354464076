//! Verification of an archive, by its URL.

use graven_archive::{ArchiveError, Verifying};

use super::{Args, print};
use crate::shared::archive;
use crate::shared::failure::{Ending, FOUND, Failure};
use crate::shared::progress::{Progress, Unit};
use crate::shared::ui::Ui;

pub(super) fn run(args: &Args, url: &str, ui: Ui) -> Ending {
    let archive = archive::open(url)?;
    let verifying = Verifying {
        keys: args.key.clone(),
        state: args.folder(),
        expect_newest: args.expect_newest,
        accept_continuation: args.accept_continuation,
    };
    let progress = Progress::new(ui, "verifying", Unit::Bytes, 1);
    let verified = archive.verify(&verifying, &|done, total| progress.set(done, total));
    progress.finish();
    let mut verified = verified.map_err(|error| match error {
        // What names the trails is damaged, so that nothing more can be looked at.
        ArchiveError::Data { .. } => Failure::cannot(error.chain()).exit(FOUND),
        ArchiveError::Trail(error) => Failure::cannot(error.chain()),
        other => Failure::from(other),
    })?;
    verified.report.warnings.extend(args.no_folder());
    print(ui, &verified)?;
    Ok(verified.exit_code())
}
