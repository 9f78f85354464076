//! Which events and spans are marked for the audit.

use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// The field that marks an event or span, whatever its target.
pub(crate) const MARKER: &str = "audit";

/// A filter that lets through what is marked for the audit, and nothing else.
///
/// Give it to the layer: `TrailLayer::new(trail).with_filter(AuditOnly)`. The layer checks the marks as well, but with
/// the filter the program's other events cost nothing unless another layer wants them. A layer's own filter does not
/// affect other layers: what `RUST_LOG` keeps from the terminal is still recorded. An `EnvFilter` on the whole registry
/// is different: what it refuses, no layer sees.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditOnly;

impl<S: Subscriber> Filter<S> for AuditOnly {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        is_marked(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_marked(metadata) { Interest::always() } else { Interest::never() }
    }
}

/// Whether an event or span is marked. The engine's own events never are: each entry that it records has one with the
/// target `audit`.
pub(crate) fn is_marked(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = |path: &str| path == "graven" || path.starts_with("graven::");
    if is_ours(target) || metadata.module_path().is_some_and(is_ours) {
        return false;
    }
    target == "audit" || target.starts_with("audit::") || metadata.fields().field(MARKER).is_some()
}
