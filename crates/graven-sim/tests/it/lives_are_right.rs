//! Some hundred lives of the engine, each held against the model. The long runs are the command's.

use graven_sim::{Budget, simulate};

#[test]
fn some_hundred_lives_are_right() {
    let budget = Budget { lives: 700, time: None, threads: 2, steps: 60 };
    let report = simulate(20_260_131, budget, None);
    if let Some(failure) = report.failure {
        panic!(
            "life {} of seed {}: {}: {}\n{}",
            failure.life,
            failure.seed,
            failure.rule,
            failure.how,
            failure.steps.join("\n")
        );
    }
    let tally = report.tally;
    assert_eq!(tally.lives, 700);
    // They are lives in which something happens.
    assert!(tally.acknowledged > 2_000 && tally.crashes > 300 && tally.closed > 200, "{tally:?}");
    assert!(tally.poisoned > 20 && tally.segments > 5 && tally.lives_on_liars > 80, "{tally:?}");
}
