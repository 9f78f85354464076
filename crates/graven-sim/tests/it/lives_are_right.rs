//! Some hundred lives of the engine, each held against the model. The long runs are the command's.

use graven_sim::{Budget, Tally, simulate};

#[test]
fn some_hundred_lives_are_right() {
    let budget = Budget { lives: 700, time: None, threads: 2, steps: 60, ships: false };
    let tally = all_right(20_260_131, budget);
    assert_eq!(tally.lives, 700);
    // They are lives in which something happens.
    assert!(tally.acknowledged > 2_000 && tally.crashes > 300 && tally.closed > 200, "{tally:?}");
    assert!(tally.poisoned > 20 && tally.segments > 5 && tally.lives_on_lying_disks > 80, "{tally:?}");
    // And other processes, and other people.
    assert!(tally.beside > 100 && tally.killed > 50 && tally.meddled > 5, "{tally:?}");
    // And an index beside them.
    assert!(tally.shelves > 3 && tally.questions > 150, "{tally:?}");
}

/// A bit flips in the version of `graven.json`: the verifier cannot tell, which is not to say that all is intact.
#[test]
fn what_cannot_be_told_is_not_called_intact() {
    let budget = Budget { lives: 8, time: None, threads: 1, steps: 60, ships: false };
    assert_eq!(all_right(16_824_714_139_962_244_442, budget).lives, 8);
}

/// A shelf of the index is written and can never be read: making the index ends all the same.
#[test]
fn a_shelf_that_cannot_be_read_is_not_made_for_ever() {
    let budget = Budget { lives: 8, time: None, threads: 1, steps: 60, ships: false };
    assert_eq!(all_right(7_244_773_279_114_971_909, budget).lives, 8);
}

fn all_right(seed: u64, budget: Budget) -> Tally {
    let report = simulate(seed, budget, None);
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
    report.tally
}
