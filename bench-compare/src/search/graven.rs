//! Graven itself: it proves each hit that it gives.

use std::path::Path;

use graven_search::{Ask, Field, Moment, Query, Search, SearchOptions, State, Where};

use super::Source;
use super::peer::{Built, Peer, asked, measure};
use super::questions::{FACETS, LIMIT, Question};
use crate::files;
use crate::peer::Failure;

pub(super) fn build(source: &Source, folder: &Path) -> Result<Peer, Failure> {
    let mut options = SearchOptions::default();
    options.state = Some(folder.join("state"));
    let search = Search::open(&source.dir, options)?;
    let mut keeper = search.keeper(Where::Trail).ok_or("the trail can have no index")?;
    let (made, wall_s, cpu_s) = measure(|| Ok(keeper.build(&mut |_, _| ())?))?;
    // Of a trail with fewer than 65,536 entries nothing is made, and they are read one by one.
    let built = match made.made {
        0 => None,
        _ => Some(Built { wall_s, cpu_s, bytes: files::bytes_below(&made.folder)? }),
    };
    let moment = Moment::utc(chrono::DateTime::UNIX_EPOCH);
    // The newest entries, which have no file yet, in memory.
    while keeper.poll()?.entries > 0 {}
    let ask = move |question: &Question| {
        let _kept = &keeper;
        asked(|| answer(&search, question, &moment))
    };
    Ok(Peer { name: "Graven", version: "this tree".into(), built, once: false, ask: Box::new(ask) })
}

fn answer(search: &Search, question: &Question, moment: &Moment) -> Result<u64, Failure> {
    let mut ask = Ask::new(moment.clone());
    ask.limit = LIMIT as u64;
    match question {
        Question::Session(id) => return Ok(search.session(id, &ask)?.timeline.len() as u64),
        Question::Count { .. } => (ask.limit, ask.count) = (1, true),
        Question::Everything => {
            (ask.limit, ask.histogram) = (1, true);
            ask.facets = FACETS.iter().map(|name| Field::parse(name)).collect::<Result<_, _>>()?;
        }
        _ => {}
    }
    let answer = search.query(&Query::parse(&question.query(), moment)?, &ask)?;
    if !answer.findings.is_empty() || answer.hits.iter().any(|hit| hit.state != State::Proved) {
        return Err("a hit is not proved".into());
    }
    let denied = |facets: &std::collections::BTreeMap<String, Vec<graven_search::FacetValue>>| {
        facets["outcome"].iter().find(|value| value.value == "denied").map_or(0, |value| value.entries)
    };
    Ok(match (answer.count, &answer.facets) {
        (Some(count), _) => count.entries,
        (_, Some(facets)) => denied(facets),
        _ => answer.hits.len() as u64,
    })
}
