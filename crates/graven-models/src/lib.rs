//! Every interleaving of the engine's queue, acknowledgements and seal: their own code under loom.
//!
//! `build.rs` copies the engine's files and puts loom's locks in the place of `std`'s. The copy `sound` is what is
//! shipped, and every model must hold; each other copy has one bug, and the model that is named beside it must fail.
//!
//! Loom tries each order in which threads can be scheduled, with a limit on preemptions, and the stale values that an
//! atomic may give. A wake-up that is lost shows as a deadlock.

#![cfg(test)]

/// The engine's files and the models, with or without a bug.
macro_rules! copies {
    ($($name:ident)*) => {$(
        #[allow(
            dead_code,
            unused_imports,
            unused_mut,
            unused_variables,
            missing_docs,
            unreachable_pub,
            reason = "a model uses a part of the engine, and each bug leaves something without its use"
        )]
        mod $name {
            pub(crate) mod sync {
                pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic};
                // These neither block nor order anything here: each is set once, before the state that announces it.
                pub(crate) use std::sync::{OnceLock, PoisonError, TryLockError};

                pub(crate) use crate::condvar::Condvar;
            }
            pub(crate) mod bounds {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/bounds.rs"));
            }
            pub(crate) mod completion {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/completion.rs"));
            }
            pub(crate) mod counters {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/counters.rs"));
            }
            pub(crate) mod error {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/error.rs"));
            }
            pub(crate) mod queue {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/queue.rs"));
            }
            pub(crate) mod ring {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/ring.rs"));
            }
            pub(crate) mod seal {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/seal.rs"));
            }
            pub(crate) mod unsealed {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/unsealed.rs"));
            }
            pub(crate) use crate::seam;
            // The models.
            pub(crate) mod acknowledging {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/acknowledging.rs"));
            }
            pub(crate) mod losing {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/losing.rs"));
            }
            pub(crate) mod park {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/park.rs"));
            }
            pub(crate) mod queueing {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/queueing.rs"));
            }
            pub(crate) mod reading {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/reading.rs"));
            }
            pub(crate) mod sealing {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/sealing.rs"));
            }
        }
    )*};
}

copies! {
    sound
    woken_before_the_outcome no_second_look a_place_of_an_earlier_round the_second_failure_wakes
    an_outcome_without_release an_index_after_the_outcome an_index_that_may_be_old
    the_writer_sleeps_in_secret room_between_two_looks an_end_in_silence the_open_group_is_forgotten taken_after_the_end
    a_read_in_silence a_read_is_not_work a_read_after_the_end a_read_outlives_the_failure
    announced_without_the_lock any_commit_tells_the_losses settled_by_count announced_and_never_looked_for
    the_publisher_sleeps_on sealed_in_silence idle_in_silence the_publisher_rests_in_secret taken_for_ever
    more_than_the_checkpoint_covers skipped_but_expected what_was_read_meanwhile_is_forgotten read_twice the_bound_forgets_what_is_taken
}

mod condvar;

/// What stands for a file: the models read none.
mod seam {
    pub(crate) mod disk {
        pub(crate) trait File: std::fmt::Debug {}

        #[derive(Debug)]
        struct Log;

        impl File for Log {}

        /// A log of which only the places are asked for.
        pub(crate) fn log() -> std::sync::Arc<dyn File> {
            std::sync::Arc::new(Log)
        }
    }
}

/// What is shipped: every model holds.
macro_rules! holds {
    ($($of:ident::$model:ident)*) => {$(
        #[test]
        fn $model() {
            crate::sound::$of::$model();
        }
    )*};
}

mod holds {
    holds! {
        acknowledging::everybody_is_woken
        acknowledging::everybody_is_woken_also_by_a_look_at_the_clock
        acknowledging::a_waker_may_change_and_a_task_may_go
        acknowledging::the_index_comes_with_the_outcome
        acknowledging::one_failure_is_everybodys
        queueing::what_is_acknowledged_is_written_and_in_order
        queueing::who_waits_for_room_gets_it
        queueing::a_close_ends_all
        queueing::a_close_at_any_moment
        queueing::nothing_is_acknowledged_after_a_failure
        reading::a_read_is_answered
        reading::a_read_at_a_close
        reading::a_read_at_a_failure
        losing::a_loss_is_counted_once
        losing::a_failure_loses_no_count
        losing::a_failure_counts_nothing_twice
        sealing::everybody_gets_on
        sealing::another_process_seals_too
        sealing::a_rotation_seals_everything
        sealing::an_idle_writer_wakes_the_publisher
        sealing::an_end_is_told
    }
}

/// Set in the processes in which a model is to fail.
const FAILING: &str = "GRAVEN_FAILING_MODEL";

/// Runs this test again in a process of its own, where the model is run: loom aborts when it finds a deadlock while
/// something of its own is still to be dropped.
fn must_fail(test: &str, model: fn(), words: &str) {
    if std::env::var_os(FAILING).is_some() {
        return model();
    }
    let program = std::env::current_exe().expect("a test is a program");
    let mut command = std::process::Command::new(program);
    let output =
        command.args(["--exact", test, "--nocapture"]).env(FAILING, "1").output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the model did not find the bug");
    assert!(told.contains(words), "the model failed, but not with {words:?}: {told}");
}

/// Each copy with a bug: the model fails, with these words.
macro_rules! fails {
    ($($bug:ident: $of:ident::$model:ident, $words:literal;)*) => {$(
        #[test]
        fn $bug() {
            crate::must_fail(concat!("fails::", stringify!($bug)), crate::$bug::$of::$model, $words);
        }
    )*};
}

mod fails {
    fails! {
        woken_before_the_outcome: acknowledging::everybody_is_woken, "index out of bounds";
        no_second_look: acknowledging::everybody_is_woken, "deadlock";
        a_place_of_an_earlier_round: acknowledging::everybody_is_woken_also_by_a_look_at_the_clock, "deadlock";
        the_second_failure_wakes: acknowledging::one_failure_is_everybodys, "index out of bounds";
        an_outcome_without_release: acknowledging::the_index_comes_with_the_outcome, "the index of another group";
        an_index_after_the_outcome: acknowledging::the_index_comes_with_the_outcome, "the index of another group";
        an_index_that_may_be_old: acknowledging::the_index_comes_with_the_outcome, "the index of another group";
        the_writer_sleeps_in_secret: queueing::what_is_acknowledged_is_written_and_in_order, "deadlock";
        room_between_two_looks: queueing::who_waits_for_room_gets_it, "deadlock";
        an_end_in_silence: queueing::a_close_ends_all, "deadlock";
        the_open_group_is_forgotten: queueing::nothing_is_acknowledged_after_a_failure, "overflow";
        taken_after_the_end: queueing::nothing_is_acknowledged_after_a_failure, "deadlock";
        a_read_in_silence: reading::a_read_is_answered, "deadlock";
        a_read_is_not_work: reading::a_read_is_answered, "deadlock";
        a_read_after_the_end: reading::a_read_at_a_close, "deadlock";
        a_read_outlives_the_failure: reading::a_read_at_a_failure, "nothing more is written";
        announced_without_the_lock: losing::a_loss_is_counted_once, "each loss is counted once";
        any_commit_tells_the_losses: losing::a_failure_loses_no_count, "each loss is counted once";
        settled_by_count: losing::a_failure_counts_nothing_twice, "each loss is counted once";
        announced_and_never_looked_for: losing::a_failure_loses_no_count, "each loss is counted once";
        the_publisher_sleeps_on: sealing::everybody_gets_on, "deadlock";
        sealed_in_silence: sealing::everybody_gets_on, "deadlock";
        idle_in_silence: sealing::an_idle_writer_wakes_the_publisher, "deadlock";
        the_publisher_rests_in_secret: sealing::an_idle_writer_wakes_the_publisher, "deadlock";
        taken_for_ever: sealing::another_process_seals_too, "deadlock";
        more_than_the_checkpoint_covers: sealing::a_rotation_seals_everything, "as much as it covers";
        skipped_but_expected: sealing::another_process_seals_too, "the hash of entry";
        what_was_read_meanwhile_is_forgotten: sealing::a_rotation_seals_everything, "nothing was synced past the boundary";
        read_twice: sealing::another_process_seals_too, "the hash of entry";
        the_bound_forgets_what_is_taken: sealing::everybody_gets_on, "the bound is kept";
    }
}
