//! The seam to the system: the only code that touches files, reads a clock or draws a random number.
//!
//! `disk` and `clock` are traits with two implementations each: the operating system's, and a simulated one (feature
//! `sim`). A `Machine` is one of each. Because nothing else asks the system for anything, the simulator runs the real
//! engine.

pub mod clock;
pub mod disk;
pub(crate) mod machine;
