//! The behaviours of the library, one file each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test looks at the files as an outsider does")]

mod audit_durability;
mod contract;
mod crash_images;
mod disk_conformance;
mod disk_sim;
mod export;
mod fault_table;
mod full_disk;
mod never_accused;
mod opening;
mod poisoning;
mod proving;
mod reading;
mod recording;
mod rotating;
mod sizes;
mod slow_storage;
mod support;
mod tamper_matrix;
