//! The whole engine on a simulated disk and clock, driven by operations out of bytes, beside a plain model.
//!
//! The first byte says how the trail is kept; each two more are an [`Operation`]. The engine's steps are taken one by
//! one and nothing depends on threads or time, so that an input does the same each time.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod model;
mod operation;
mod world;

use operation::Operation;
use world::World;

/// A longer run shows nothing that a shorter one could not, and takes time.
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
