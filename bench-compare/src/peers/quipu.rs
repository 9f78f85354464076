//! Quipu-Log: `quipu-core`, its engine. The queue in `quipu-middleware` acknowledges nothing but a flush.

use std::collections::BTreeMap;

use quipu_core::{
    AuditStore, Content, EntityInput, LogQuery, StoreConfig, SyncPolicy, Uid, default_actor_type,
};

use crate::entry;
use crate::peer::{Failure, Peer, Sample, Slice};

pub(super) fn peers() -> Vec<Peer> {
    let peer = |way: &str, durable, run: fn(&Slice) -> Result<Sample, Failure>| Peer {
        name: "Quipu-Log",
        version: "quipu-core 0.2.0",
        way: way.into(),
        is_durable: true,
        durable,
        run: Box::new(run),
    };
    vec![
        peer("sync every 10,000, one writer", GROUPED, |slice| record(slice, SyncPolicy::OsManaged, 10_000)),
        peer("sync every 1,000, one writer", GROUPED, |slice| record(slice, SyncPolicy::OsManaged, 1_000)),
        peer("SyncPolicy::Always, one writer", EACH, |slice| record(slice, SyncPolicy::Always, 1)),
    ]
}

const GROUPED: &str = "after this number of appends fdatasync of the segment and the hash file of each table (actors, logs, \
                       relations, meta), and then all of them count; the directory entries of new files are never synced";
const EACH: &str = "after each append fdatasync of the segment and the hash file of each table (actors, logs, \
                    relations); the directory entries of new files are never synced";

/// The store has one writer (`&mut self`): more threads would only wait for each other.
fn record(slice: &Slice, policy: SyncPolicy, batch: u64) -> Result<Sample, Failure> {
    let mut store = AuditStore::open(StoreConfig::new(&slice.dir).sync_policy(policy))?;
    let schema = default_actor_type();
    let actor_type = schema.type_name.clone();
    store.define_type(schema)?;
    // Its cheapest way: the actor is looked up once, not for each entry.
    let actor = store.register_entity(&actor_type, &EntityInput::new("7").text("name", entry::PRINCIPAL))?;
    store.sync()?;
    let mut n = 0;
    let sample = slice.measure(|| {
        for _ in 0..batch {
            n += 1;
            append(&mut store, &actor_type, actor, n)?;
        }
        if policy != SyncPolicy::Always {
            store.sync()?;
        }
        Ok::<u64, quipu_core::Error>(batch)
    })?;
    sample.if_kept(store.count(&LogQuery::default())?)
}

/// Actor, action, id and time have their own columns; the rest is the entry's content.
fn append(store: &mut AuditStore, actor_type: &str, actor: Uid, n: u64) -> quipu_core::Result<Uid> {
    let content = Content::Text(entry::rest(n));
    store.append_resolved(actor_type, actor, entry::ACTION, "", content, &[], BTreeMap::new())
}
