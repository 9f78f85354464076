//! A seed stands for a run: the same calls with the same answers in the same order, on any number of threads.

use graven_sim::{Budget, run, simulate};

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..20 {
        let (one, other) = (run(seed, 8, None, 0), run(seed, 8, None, 0));
        assert_eq!((one.trace, one.tally), (other.trace, other.tally), "seed {seed}");
    }
    assert_ne!(run(1, 8, None, 0).trace, run(2, 8, None, 0).trace);
}

#[test]
fn fewer_lives_of_a_seed_are_the_first_of_them() {
    let seed = 3;
    let all = run(seed, 8, None, 0).tally;
    assert!(all.lives > 2, "choose another seed");
    let two = run(seed, 2, None, 0);
    assert_eq!((two.tally.lives, two.trace), (2, run(seed, 2, None, 0).trace));
}

#[test]
fn threads_do_not_change_what_happens() {
    let on = |threads| {
        let report = simulate(40, Budget { lives: 60, time: None, threads, steps: 0, ships: false }, None);
        (report.trace, report.tally, report.runs)
    };
    assert_eq!(on(1), on(3));
}
