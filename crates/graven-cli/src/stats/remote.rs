//! `graven stats` on a server: how the trail is doing, as the server says it.

use serde_json::Value;

use crate::shared::failure::{self, Ending};
use crate::shared::remote::Remote;
use crate::shared::ui::{Look, Ui};

pub(super) fn run(ui: Ui, remote: &Remote) -> Ending {
    let trail: Value = remote.json("")?;
    if ui.json() {
        ui.object(&trail)?;
        return Ok(failure::OK);
    }
    ui.line(ui.paint(Look::Strong, remote.address()))?;
    for (name, value) in trail.as_object().into_iter().flatten() {
        match value {
            Value::Object(parts) => {
                let parts: Vec<String> =
                    parts.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
                ui.fact(name, parts.join(", "))?;
            }
            Value::Null => {}
            other => ui.fact(name, shown(other))?,
        }
    }
    Ok(failure::OK)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
