//! What `record`, `record_batch`, `emit` and `flush` promise.

use graven::{Category, Entry, ErrorKind, Outcome, Settings, Trail};

use crate::support::lines;
use crate::support::patience::must_end;

fn entry(n: u64) -> Entry {
    Entry::new(Category::Api, format!("GET /{n}"), Outcome::Success)
}

#[test]
fn receipts_name_the_place_the_id_and_the_leaf_hash_of_the_stored_line() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let mut given = entry(0);
    given.id = Some("an id of my own".into());
    let first = trail.record_blocking(given).unwrap();
    let second = trail.record_blocking(entry(1)).unwrap();
    assert_eq!((first.index, second.index), (0, 1));
    assert_eq!(first.id, "an id of my own");
    assert_eq!(second.id.len(), 36);
    let stored = lines(&folder.path().join("audit.jsonl"));
    for receipt in [&first, &second] {
        let line = &stored[usize::try_from(receipt.index).unwrap()];
        assert_eq!(graven_core::hash::leaf_hash(line), receipt.leaf_hash);
        assert_eq!(trail.receipt_blocking(receipt.index).unwrap(), *receipt);
        assert_eq!(trail.receipt_blocking(receipt.id.as_str()).unwrap(), *receipt);
    }
    assert_eq!(trail.receipt_blocking(2).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(trail.receipt_blocking("nobody").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn nothing_happens_before_the_first_poll_and_a_polled_entry_is_written_though_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    drop(trail.record(entry(0)));
    drop(trail.record_batch(vec![entry(1)]));
    let mut polled = Box::pin(trail.record(entry(2)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _maybe_ready = polled.as_mut().poll(&mut context);
    drop(polled);
    trail.flush_blocking().unwrap();
    let actions: Vec<String> = trail.recent(10).into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["GET /2"]);
}

#[test]
fn the_futures_run_under_tokio_and_under_a_plain_thread() {
    must_end();
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> = (0..100).map(|n| tokio.spawn(trail.record(entry(n)))).collect();
    let mut indexes: Vec<u64> =
        tasks.into_iter().map(|task| tokio.block_on(task).unwrap().unwrap().index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..100).collect::<Vec<_>>());
    assert_eq!(trail.record_blocking(entry(100)).unwrap().index, 100);
    let proof = tokio.block_on(trail.prove(100)).unwrap();
    proof.tlog_proof.verify(&proof.line, &trail.verifier_key()).unwrap();
    tokio.block_on(trail.checkpoint()).unwrap();
    tokio.block_on(trail.close()).unwrap();
}

#[test]
fn a_batch_is_recorded_in_order_however_large() {
    let folder = tempfile::tempdir().unwrap();
    // A queue far smaller than the batch: it must be filled again and again.
    let trail = Trail::open(Settings::new(folder.path()).queue_bytes(0)).unwrap();
    let receipts = trail.record_batch_blocking((0..5_000).map(entry).collect()).unwrap();
    assert!(receipts.iter().map(|receipt| receipt.index).eq(0..5_000));
    let stored = trail.entries(..).unwrap().map(|record| record.unwrap().entry().unwrap().action);
    assert!(stored.eq((0..5_000).map(|n| format!("GET /{n}"))));
    assert!(trail.record_batch_blocking(Vec::new()).unwrap().is_empty());
}

#[test]
fn one_bad_entry_refuses_the_batch_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let bad = Entry::new(Category::Trail, "trail.gap", Outcome::Success);
    let error = trail.record_batch_blocking(vec![entry(0), bad]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("entry 1 of the batch"), "{error}");
    assert_eq!(trail.len(), 0);
}

#[test]
fn nobody_may_use_the_engines_category_or_a_pending_outcome_without_an_intent() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    for bad in
        [Entry::new(Category::Trail, "x", Outcome::Success), Entry::new(Category::Api, "x", Outcome::Pending)]
    {
        let error = trail.record_blocking(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
    assert_eq!(trail.len(), 0);
}

#[test]
fn a_time_of_another_year_is_refused_and_the_edges_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    let at = |time: &str| entry(0).timestamp(time.parse().unwrap());
    for time in ["+10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
        let error = trail.record_blocking(at(time)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.chain().to_string().contains("0000 to 9999"), "{}", error.chain());
    }
    for time in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"] {
        trail.record_blocking(at(time)).unwrap();
    }
    assert_eq!(trail.len(), 2);
}

#[test]
fn a_refused_emit_is_counted_and_the_count_becomes_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path())).unwrap();
    trail.emit(Entry::new(Category::Trail, "x", Outcome::Success));
    trail.emit(entry(1));
    trail.flush_blocking().unwrap();
    let gap = trail.by_category(&Category::Trail, 1).remove(0);
    assert_eq!(gap.action, "trail.gap");
    assert_eq!(gap.detail.unwrap().as_str(), r#"{"categories":{"trail":1},"dropped":1}"#);
    assert_eq!(trail.counters().dropped, 1);
    assert_eq!(trail.len(), 2);
}

#[test]
fn a_large_detail_goes_beside_the_log_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path()).blob_bytes_max(1 << 20)).unwrap();
    let text = "x".repeat(100_000);
    let receipt = trail.record_blocking(entry(0).detail(&text)).unwrap();
    let stored = trail.entries(..).unwrap().next().unwrap().unwrap().entry().unwrap();
    assert!(stored.detail.as_ref().unwrap().as_str().starts_with(r#"{"$blob":{"sha256":""#));
    assert_eq!(trail.detail(&stored).unwrap().unwrap(), serde_json::to_string(&text).unwrap());
    // A caller's own marker is not taken for ours.
    let forged = serde_json::json!({"$blob": {"sha256": "00", "bytes": 1}});
    trail.record_blocking(entry(1).detail(&forged)).unwrap();
    let stored = trail.recent(1).remove(0);
    assert_eq!(trail.detail(&stored).unwrap().unwrap(), forged.to_string().replace(", ", ",").as_str());
    let error = trail.record_blocking(entry(2).detail("x".repeat(1 << 20))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    assert_eq!((receipt.index, trail.len()), (0, 2));
}

#[test]
fn the_newest_entries_come_from_memory_newest_first_and_by_category() {
    let folder = tempfile::tempdir().unwrap();
    let trail = Trail::open(Settings::new(folder.path()).ring_entries(10)).unwrap();
    for n in 0..25 {
        let category = if n % 2 == 0 { Category::Api } else { Category::Auth };
        trail.record_blocking(Entry::new(category, n.to_string(), Outcome::Success)).unwrap();
    }
    let actions = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.action).collect::<Vec<_>>();
    assert_eq!((trail.count(), trail.len()), (10, 25));
    assert_eq!(actions(trail.recent(3)), ["24", "23", "22"]);
    assert_eq!(actions(trail.by_category(&Category::Auth, 99)), ["23", "21", "19", "17", "15"]);
    trail.close_blocking().unwrap();
    let trail = Trail::open(Settings::new(folder.path()).ring_entries(10)).unwrap();
    assert_eq!((trail.count(), trail.len()), (10, 25));
    assert_eq!(actions(trail.recent(99)).first().map(String::as_str), Some("24"));
}
