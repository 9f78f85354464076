//! Archives in another store of S3 than the one in the other tests: moto, which is written in Python.

use crate::report::Outcome;
use crate::{cargo_test, shell, venv};

/// What pip installs: moto with what its S3 needs, each in one version.
const REQUIREMENTS: &str = ".ci/moto.txt";

pub(crate) fn suite() -> Outcome {
    let bin = match venv::bin("moto", REQUIREMENTS) {
        Ok(bin) => bin,
        Err(missing) => return missing,
    };
    // The whole workspace is named so that what the suite `tests` built is taken; only one package has such a test.
    let test = ["test", "--workspace", "--test", "moto"];
    cargo_test::counted(shell::locked(&test).env("GRAVEN_MOTO", bin.join("moto_server")))
}
