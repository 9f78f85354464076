//! Beside other layers: filters of one are none of another's, and what the engine says of itself comes up once.

use std::io::Write;
use std::sync::{Arc, Mutex};

use graven::{Category, Entry, Outcome};
use graven_tracing::AuditOnly;
use tracing::level_filters::LevelFilter;
use tracing::{debug, info, info_span, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Registry};

use crate::support::{World, actions};

/// A terminal that remembers.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim_start().to_owned()).collect()
    }

    fn layer<S>(&self) -> impl tracing_subscriber::Layer<S>
    where
        S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        tracing_subscriber::fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_level(false)
            .with_writer(self.clone())
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Screen {
    type Writer = Screen;
    fn make_writer(&self) -> Screen {
        self.clone()
    }
}

/// What a program with all sorts of events says.
fn program() {
    let _span = info_span!(target: "audit", "span").entered();
    // Each more than once: what nobody cares for is remembered after the first time.
    for n in 0..3 {
        debug!(target: "app", n, "debug");
        warn!(target: "app", n, "warn");
        info!(target: "audit", n, "audit");
    }
}

#[test]
fn each_layer_hears_what_its_own_filter_lets_through() {
    for (filter, shown) in [
        ("off", 0),
        ("warn", 3),
        ("info", 6),
        ("debug", 9),
        ("audit=off,app=debug,graven=info", 6),
        ("audit=info,graven=off", 3),
    ] {
        // Whichever is asked first.
        for audit_first in [true, false] {
            let (world, screen) = (World::new(), Screen::default());
            let filter_of_terminal = EnvFilter::new(filter);
            if audit_first {
                let subscriber = Registry::default()
                    .with(world.layer().with_filter(AuditOnly))
                    .with(screen.layer().with_filter(filter_of_terminal));
                tracing::subscriber::with_default(subscriber, program);
            } else {
                let subscriber = Registry::default()
                    .with(screen.layer().with_filter(filter_of_terminal))
                    .with(world.layer().with_filter(AuditOnly));
                tracing::subscriber::with_default(subscriber, program);
            }
            assert_eq!(actions(&world.stored()), ["audit", "audit", "audit", "span"], "{filter}");
            assert_eq!(screen.lines().len(), shown, "{filter}: {:#?}", screen.lines());
        }
    }
}

#[test]
fn without_its_filter_the_layer_hears_the_same_and_silences_nobody() {
    let (world, screen) = (World::new(), Screen::default());
    let terminal = screen.layer().with_filter(LevelFilter::WARN);
    tracing::subscriber::with_default(Registry::default().with(terminal).with(world.layer()), program);
    assert_eq!(actions(&world.stored()), ["audit", "audit", "audit", "span"]);
    assert_eq!(screen.lines().len(), 3);
    let (world, screen) = (World::new(), Screen::default());
    tracing::subscriber::with_default(Registry::default().with(world.layer()).with(screen.layer()), program);
    assert_eq!((world.stored().len(), screen.lines().len()), (4, 9));
}

#[test]
fn a_filter_on_the_whole_registry_is_obeyed() {
    let world = World::new();
    let subscriber =
        Registry::default().with(world.layer().with_filter(AuditOnly)).with(EnvFilter::new("warn"));
    tracing::subscriber::with_default(subscriber, program);
    assert_eq!(world.stored().len(), 0, "as the documentation says");
}

#[test]
fn what_is_recorded_by_hand_has_its_event_and_what_comes_from_an_event_has_none() {
    let (world, screen) = (World::new(), Screen::default());
    let subscriber = Registry::default().with(world.layer().with_filter(AuditOnly)).with(screen.layer());
    tracing::subscriber::with_default(subscriber, || {
        info!(target: "audit", "traced");
        world.trail.emit(Entry::new(Category::Api, "by hand", Outcome::Success));
        info!(target: "audit", "traced again");
    });
    assert_eq!(actions(&world.stored()), ["traced", "by hand", "traced again"]);
    let lines = screen.lines();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0] == "audit: traced" && lines[2] == "audit: traced again", "{lines:#?}");
    assert!(lines[1].starts_with("audit: audit audit_id="), "{lines:#?}");
}
