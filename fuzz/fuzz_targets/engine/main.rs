//! The whole engine on a simulated disk and clock, driven by operations from the input, beside a simple model.
//!
//! The first byte chooses the settings of the trail; each two bytes after it are an [`Operation`]. The engine takes its
//! steps one by one, without threads and without real time, so an input always does the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod model;
mod operation;
mod world;

use operation::Operation;
use world::World;

/// A longer run finds nothing that a shorter one could not find, and takes longer.
const OPERATIONS_MAX: usize = 64;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.iter().copied();
    let mut world = World::new(bytes.next().unwrap_or(0));
    for _ in 0..OPERATIONS_MAX {
        let Some(operation) = Operation::next(&mut bytes) else { break };
        world.act(operation);
    }
    world.end();
});
