//! Each canary makes the simulator fail within some thousand lives, by a rule that it breaks.

use graven_sim::{Budget, Canary, simulate};

/// How many lives a canary may live; one of shipping, whose lives take longer.
const LIVES: u64 = 20_000;
const LIVES_THAT_SHIP: u64 = 3_000;

#[test]
fn each_canary_is_found_out_by_a_rule_that_it_breaks() {
    for canary in Canary::ALL {
        for seed in [1, 5_000] {
            let lives = if canary.is_of_shipping() { LIVES_THAT_SHIP } else { LIVES };
            let budget = Budget { lives, time: None, threads: 1, steps: 10, ships: false };
            let report = simulate(seed, budget, Some(canary));
            let Some(failure) = report.failure else {
                panic!("{} lives {lives} lives from seed {seed} on", canary.name());
            };
            assert!(
                canary.breaks().contains(&failure.rule),
                "{} from seed {seed} on breaks {}: {}",
                canary.name(),
                failure.rule,
                failure.how
            );
            assert!(!failure.steps.is_empty());
        }
    }
}

#[test]
fn every_canary_has_a_name_of_its_own() {
    for canary in Canary::ALL {
        assert_eq!(Canary::named(canary.name()), Some(canary));
    }
    assert_eq!(Canary::named("sparrow"), None);
}
