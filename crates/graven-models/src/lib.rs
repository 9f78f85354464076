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
            // The models.
            pub(crate) mod acknowledging {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/acknowledging.rs"));
            }
            pub(crate) mod park {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/park.rs"));
            }
            pub(crate) mod queueing {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), "/queueing.rs"));
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
    an_outcome_without_release
    the_writer_sleeps_in_secret room_between_two_looks an_end_in_silence the_open_group_is_forgotten taken_after_the_end
    the_publisher_sleeps_on sealed_in_silence
}

mod condvar;

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
        acknowledging::one_failure_is_everybodys
        queueing::what_is_acknowledged_is_written_and_in_order
        queueing::who_waits_for_room_gets_it
        queueing::a_close_ends_all
        queueing::a_close_at_any_moment
        queueing::nothing_is_acknowledged_after_a_failure
        sealing::everybody_gets_on
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
        an_outcome_without_release: queueing::what_is_acknowledged_is_written_and_in_order, "seen as durable";
        the_writer_sleeps_in_secret: queueing::what_is_acknowledged_is_written_and_in_order, "deadlock";
        room_between_two_looks: queueing::who_waits_for_room_gets_it, "deadlock";
        an_end_in_silence: queueing::a_close_ends_all, "deadlock";
        the_open_group_is_forgotten: queueing::nothing_is_acknowledged_after_a_failure, "overflow";
        taken_after_the_end: queueing::nothing_is_acknowledged_after_a_failure, "deadlock";
        the_publisher_sleeps_on: sealing::everybody_gets_on, "deadlock";
        sealed_in_silence: sealing::everybody_gets_on, "deadlock";
    }
}
