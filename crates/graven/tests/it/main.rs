//! The behaviours of the library, one file each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test looks at the files as an outsider does")]

mod actors;
mod acts;
mod audit_durability;
mod audit_late;
mod audit_memory;
mod audit_processes;
mod audit_streams;
mod bounded_work;
mod continuing;
mod contract;
mod crash_images;
mod disk_conformance;
mod disk_sim;
mod export;
mod export_copy;
mod fault_table;
mod flood;
mod format_keeping;
mod full_disk;
mod graven_json;
mod hostile;
mod lasting;
mod life_signs;
mod many_trails;
mod many_writers;
mod never_accused;
mod nothing_keeps_an_entry_out;
mod opening;
mod poisoning;
mod prepared_folders;
mod proving;
mod readable_files;
mod reading;
mod real_full_disk;
mod recording;
mod redaction;
mod remembered_settings;
mod repairing;
mod rotating;
mod shared_keys;
mod shrinking_files;
mod sizes;
mod slow_storage;
mod support;
mod tamper_matrix;
mod unreadable_is_not_absent;
mod unsealed_in_a_segment;
