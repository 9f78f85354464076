//! The rule that the lock files of the packages outside the workspace are in step with it.
//!
//! The workspace's own is checked by every suite that builds, and Go's by the suite `interop`.

use super::Finding;
use crate::shell;

/// The packages that are built by themselves, with the library as a dependency.
const PACKAGES: &[&str] = &["bench-compare", "fuzz"];

/// Asks cargo to resolve each of them, without a change of what is locked.
pub(super) fn check(findings: &mut Vec<Finding>) {
    for package in PACKAGES {
        let manifest = format!("{package}/Cargo.toml");
        if !is_in_step(&manifest) {
            findings.push(format!(
                "{package}/Cargo.lock is out of step: `cargo update --workspace --manifest-path {manifest}`"
            ));
        }
    }
}

fn is_in_step(manifest: &str) -> bool {
    // This resolves as a build would, and downloads nothing but the index.
    shell::output(&mut shell::locked(&["update", "--workspace", "--manifest-path", manifest])).is_some()
}
