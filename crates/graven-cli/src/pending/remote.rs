//! `graven pending` on a server: the acts that it lists.

use graven::reader::Pending;
use serde::Deserialize;

use super::{Args, answer};
use crate::shared::asking;
use crate::shared::failure::Ending;
use crate::shared::remote::Remote;
use crate::shared::text::counted;
use crate::shared::ui::Ui;

/// What the server lists.
#[derive(Deserialize)]
struct Listed {
    pending: Vec<Pending>,
    left_out: u64,
}

pub(super) fn run(args: &Args, ui: Ui, remote: &Remote) -> Ending {
    asking::judged_by_server(&args.trust, &args.indexed)?;
    let Listed { pending, left_out } = remote.json("/pending")?;
    let exit = answer(ui, &pending)?;
    if left_out > 0 {
        ui.warn(format_args!("{} more", counted(left_out, "act", "acts")));
    }
    Ok(exit)
}
