//! One binary for all integration tests: a file for each behaviour.

mod hits_are_as_by_the_plainest_reading;
mod hostile_queries;
mod mistakes_are_pointed_at;
mod printed_queries_read_the_same;
mod support;
