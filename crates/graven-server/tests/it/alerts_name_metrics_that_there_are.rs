//! The alert rules that we ship name only metrics and problems that the server has.

use std::collections::BTreeSet;

const RULES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/prometheus/graven.rules.yml"));
const SERVER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SERVER.md"));
const PROBLEMS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROBLEMS.md"));

#[test]
fn every_metric_of_a_rule_is_explained() {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = RULES.split(|c: char| !is_part(c)).filter(|word| word.starts_with("graven_"));
    // A histogram has several series.
    let metrics: BTreeSet<&str> = words.map(|word| word.trim_end_matches("_bucket")).collect();
    assert!(metrics.len() >= 9, "{metrics:?}");
    for metric in metrics {
        assert!(SERVER.contains(&format!("`{metric}`")), "docs/SERVER.md explains no {metric}");
    }
}

#[test]
fn every_reason_of_a_rule_is_a_problem() {
    let reasons: Vec<&str> =
        RULES.split("reason=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(reasons.len(), 2);
    for reason in reasons {
        assert!(PROBLEMS.contains(&format!("\n## `{reason}`\n")), "there is no problem {reason}");
    }
}
