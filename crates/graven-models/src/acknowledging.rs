//! The outcome of one group, the tasks that wait for it, and tasks that stop waiting.

use std::sync::Arc;
use std::task::Context;

use loom::thread;

use crate::completion::Completion;
use crate::error::{Error, ErrorKind};
use crate::park::{another_waker, bed, model, outcome, waits};

/// The index of the group's first entry.
const FIRST: u64 = 7;

/// No task sleeps through the outcome, whether it registered before it or looks while it is set.
pub(crate) fn everybody_is_woken() {
    model(3, || {
        let completion = Arc::new(Completion::default());
        let (bed, waker) = bed();
        let early = completion.register(waker.clone());
        let late = waits(&completion);
        let writer = {
            let completion = Arc::clone(&completion);
            thread::spawn(move || completion.set_durable(FIRST))
        };
        assert_eq!(outcome(&completion, Some(early), (&bed, &waker)).expect("it is durable"), FIRST);
        assert_eq!(late.join().unwrap().expect("it is durable"), FIRST);
        writer.join().unwrap();
    });
}

/// The watchdog wakes all without an outcome: each takes a new place, and none takes the place of another.
pub(crate) fn everybody_is_woken_also_by_a_look_at_the_clock() {
    model(3, || {
        let completion = Arc::new(Completion::default());
        let (bed, waker) = bed();
        let early = completion.register(waker.clone());
        let late = waits(&completion);
        let others = {
            let completion = Arc::clone(&completion);
            thread::spawn(move || {
                completion.wake_all();
                completion.set_durable(FIRST);
            })
        };
        assert_eq!(outcome(&completion, Some(early), (&bed, &waker)).expect("it is durable"), FIRST);
        assert_eq!(late.join().unwrap().expect("it is durable"), FIRST);
        others.join().unwrap();
    });
}

/// A task may come with another waker each time, and another may not come again at all.
pub(crate) fn a_waker_may_change_and_a_task_may_go() {
    model(3, || {
        let completion = Arc::new(Completion::default());
        let writer = {
            let completion = Arc::clone(&completion);
            thread::spawn(move || completion.set_durable(FIRST))
        };
        // This one goes after its first look; its waker stays behind.
        let mut gone = None;
        let _ = completion.poll(&Context::from_waker(&bed().1), &mut gone);
        let (bed, first) = bed();
        let second = another_waker(&bed);
        let mut slot = None;
        let early = completion.poll(&Context::from_waker(&first), &mut slot);
        drop(first);
        if early.is_pending() {
            assert_eq!(outcome(&completion, slot, (&bed, &second)).expect("it is durable"), FIRST);
        }
        writer.join().unwrap();
    });
}

/// Every waiter gets the index with the outcome, also one that was never asleep.
pub(crate) fn the_index_comes_with_the_outcome() {
    model(3, || {
        let completion = Arc::new(Completion::default());
        let looks = {
            let completion = Arc::clone(&completion);
            thread::spawn(move || completion.outcome().map(|outcome| outcome.expect("it does not fail")))
        };
        let waits = waits(&completion);
        completion.set_durable(FIRST);
        assert!(matches!(looks.join().unwrap(), None | Some(FIRST)), "the index of another group");
        assert_eq!(waits.join().unwrap().expect("it is durable"), FIRST, "the index of another group");
    });
}

/// Two threads find the failure at the same time: everybody gets the same error, now and later.
pub(crate) fn one_failure_is_everybodys() {
    model(3, || {
        let completion = Arc::new(Completion::default());
        let fail = |message: &'static str| {
            let completion = Arc::clone(&completion);
            thread::spawn(move || completion.set_failed(Error::new(ErrorKind::Unavailable, message)))
        };
        let (one, other) = (fail("one"), fail("other"));
        let heard = waits(&completion).join().unwrap().expect_err("it failed").to_string();
        one.join().unwrap();
        other.join().unwrap();
        let later = completion.outcome().expect("it was set").expect_err("it failed");
        assert_eq!(heard, later.to_string());
    });
}
