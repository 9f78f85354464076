//! The rule that no files use each other in a circle, but for a module and those below it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::{Arrow, Crate};
use super::{Finding, modules};

/// From one module to those it uses, each with the line of one use.
type Graph<'a> = BTreeMap<&'a [String], BTreeMap<&'a [String], usize>>;

/// Finds every circle in the crates.
pub(super) fn check(crates: &BTreeMap<String, Crate>, findings: &mut Vec<Finding>) {
    for one in crates.values() {
        let arrows = one.arrows();
        let graph = graph(&arrows);
        for circle in circles(&graph) {
            findings.push(format!(
                "these files use each other in a circle; move what they share below them: {}",
                shown(one, &graph, &circle)
            ));
        }
    }
}

/// The arrows without those between a module and one below it: that is how the files of a folder talk.
fn graph(arrows: &[Arrow]) -> Graph<'_> {
    let mut graph = Graph::new();
    for Arrow { from, line, to } in arrows {
        if !from.starts_with(to) && !to.starts_with(from) {
            graph.entry(from).or_default().entry(to).or_insert(*line);
        }
    }
    graph
}

/// For each set of modules that all reach each other, its shortest circle through the first of them.
fn circles<'a>(graph: &Graph<'a>) -> Vec<Vec<&'a [String]>> {
    let mut done = BTreeSet::new();
    let mut circles = Vec::new();
    for start in graph.keys().copied() {
        if done.contains(start) {
            continue;
        }
        if let Some(circle) = way(graph, start, start) {
            let others = graph
                .keys()
                .filter(|other| way(graph, start, other).is_some() && way(graph, other, start).is_some());
            done.extend(others.copied());
            circles.push(circle);
        }
    }
    circles
}

/// The shortest way of one step or more from a module to another, with both ends.
fn way<'a>(graph: &Graph<'a>, from: &'a [String], to: &[String]) -> Option<Vec<&'a [String]>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in graph.get(way.last()?).into_iter().flat_map(BTreeMap::keys).copied() {
            let longer = [&way[..], &[next]].concat();
            if next == to {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

/// `a.rs:3 → b.rs:5 → a.rs`: each line holds the use that leads to the next file.
fn shown(one: &modules::Crate, graph: &Graph, circle: &[&[String]]) -> String {
    let steps = circle.windows(2).map(|step| format!("{}:{} → ", one.file(step[0]), graph[step[0]][step[1]]));
    steps.collect::<String>() + circle.last().map_or("", |last| one.file(last))
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        let mut findings = Vec::new();
        check(&modules::crates(&files.iter().map(file).collect::<Vec<_>>()), &mut findings);
        findings
    }

    #[test]
    fn a_circle_is_found_once_and_shown() {
        let found = findings(&[
            ("a/src/lib.rs", "mod b;\nmod c;\nmod d;\nmod e;\n"),
            ("a/src/b.rs", "use crate::c::C;\n"),
            ("a/src/c.rs", "\nuse crate::d::D;\n"),
            ("a/src/d.rs", "fn f() {\n\n    crate::b::g()\n}\n"),
            ("a/src/e.rs", "use crate::b::B;\n"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with(": a/src/b.rs:1 → a/src/c.rs:2 → a/src/d.rs:3 → a/src/b.rs"), "{found:?}");
    }

    #[test]
    fn a_circle_through_a_name_of_the_root_is_found() {
        let files = [
            ("a/src/lib.rs", "mod b;\nmod c;\npub use c::C;\n"),
            ("a/src/b.rs", "use crate::C;\n"),
            ("a/src/c.rs", "use crate::b::B;\n"),
        ];
        assert_eq!(findings(&files).len(), 1);
    }

    #[test]
    fn a_module_and_those_below_it_may_use_each_other() {
        let files = [
            ("a/src/lib.rs", "mod b;\npub struct A;\n"),
            ("a/src/b.rs", "mod c;\nuse c::C;\nuse crate::A;\n"),
            ("a/src/b/c.rs", "use super::B;\nuse crate::A;\n"),
        ];
        assert_eq!(findings(&files), Vec::<Finding>::new());
    }
}
