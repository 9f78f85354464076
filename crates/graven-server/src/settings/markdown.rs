//! The table of all settings as Markdown, for docs/SERVER.md.

use super::table::ROWS;

/// The table as Markdown, for docs/SERVER.md.
pub fn markdown() -> String {
    let mut table =
        String::from("| key | flag | variable | default | values | meaning |\n|---|---|---|---|---|---|\n");
    for row in ROWS {
        let flag = row.flag.map(|flag| format!("`{flag}`")).unwrap_or_default();
        let default = row.default.map_or("none".to_owned(), |default| format!("`{default}`"));
        table += &format!(
            "| `{}` | {flag} | `{}` | {default} | {} | {} |\n",
            row.key,
            row.variable(),
            row.limits,
            row.meaning
        );
    }
    table
}
