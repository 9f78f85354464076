//! The viewer: one HTML file that checks an entry with its proof and a key, offline.
//!
//! It is put together from the modules that also check in the page, so that there is one implementation to review. Each
//! module becomes a function that gives what the module exports; nothing else of its text changes.

use std::fmt::Write;

use graven_core::hash::sha256;

const PAGE: &str = include_str!("../viewer/viewer.html");
const STYLE: &str = include_str!("../viewer/viewer.css");

/// The modules, each behind those that it imports.
const MODULES: [(&str, &str); 7] = [
    ("bytes", include_str!("../web/verify/bytes.js")),
    ("note", include_str!("../web/verify/note.js")),
    ("checkpoint", include_str!("../web/verify/checkpoint.js")),
    ("tree", include_str!("../web/verify/tree.js")),
    ("proof", include_str!("../web/verify/proof.js")),
    ("shown", include_str!("../viewer/shown.js")),
    ("viewer", include_str!("../viewer/viewer.js")),
];

/// The whole file. It is the same text each time, so its SHA-256 can be published.
pub fn html() -> String {
    let modules: String = MODULES.iter().map(|(name, source)| inlined(name, source)).collect();
    let script = format!("\n\"use strict\";\n{modules}");
    let style = format!("\n{STYLE}");
    // Nothing but these two texts may run or style the page, and nothing may be loaded or sent.
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        sha256(script.as_bytes()),
        sha256(style.as_bytes())
    );
    PAGE.replacen("{{policy}}", &policy, 1).replacen("{{style}}", &style, 1).replacen(
        "{{script}}",
        &script,
        1,
    )
}

/// A module as a constant with what it exports.
fn inlined(name: &str, source: &str) -> String {
    let (mut body, mut exports) = (String::new(), Vec::new());
    for line in source.lines() {
        let line = match (imported(line), line.strip_prefix("export ")) {
            (Some(import), _) => import,
            (None, Some(declaration)) => {
                exports.extend(declared(declaration));
                declaration.to_owned()
            }
            (None, None) => line.to_owned(),
        };
        body.push_str(&line);
        body.push('\n');
    }
    let mut module = String::new();
    // Writing to a string does not fail.
    let _ =
        write!(module, "\nconst {name} = (() => {{\n{body}return {{ {} }};\n}})();\n", exports.join(", "));
    module
}

/// `import { a, b as c } from "./x.js";` as `const { a, b: c } = x;`.
fn imported(line: &str) -> Option<String> {
    let (names, path) = line.strip_prefix("import {")?.strip_suffix("\";")?.split_once("} from \"")?;
    let module = path.rsplit('/').next()?.strip_suffix(".js")?;
    Some(format!("const {{{}}} = {module};", names.replace(" as ", ": ")))
}

/// The name that `async function a(…`, `class A …` or `const a = …` declares.
fn declared(declaration: &str) -> Option<&str> {
    let declaration = declaration.strip_prefix("async ").unwrap_or(declaration);
    let (_, rest) = declaration.split_once(' ')?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_become_constants_with_what_they_export() {
        let source = "import { a, b as c } from \"../web/x.js\";\nexport async function f(x) {\n}\nexport class G {\n}\n";
        let inlined = inlined("m", source);
        assert_eq!(
            inlined,
            "\nconst m = (() => {\nconst { a, b: c } = x;\nasync function f(x) {\n}\nclass G {\n}\nreturn { f, G };\n})();\n"
        );
    }

    #[test]
    fn the_file_stands_alone_and_has_two_texts_that_its_policy_names() {
        let html = html();
        for text in ["script", "style"] {
            let (_, rest) = html.split_once(&format!("<{text}>")).unwrap();
            let (inside, after) = rest.split_once(&format!("</{text}>")).unwrap();
            assert!(html.contains(&format!("{text}-src 'sha256-{}'", sha256(inside.as_bytes()))), "{text}");
            assert!(!after.contains(&format!("<{text}")), "{text}");
        }
        for gap in ["{{policy}}", "{{style}}", "{{script}}", "<!--"] {
            assert!(!html.contains(gap), "{gap}");
        }
        let is_module = |line: &str| line.starts_with("import ") || line.starts_with("export ");
        assert_eq!(html.lines().find(|line| is_module(line)), None);
        // It loads nothing and names no other address.
        for address in ["http:", "https:", "//cdn", "src=", "fetch(", "eval(", "innerHTML"] {
            assert!(!html.contains(address), "{address}");
        }
    }
}
