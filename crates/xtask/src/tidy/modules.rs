//! The modules of each crate, and which file uses which.

use std::collections::BTreeMap;

use super::File;
use super::code::{code, is_test};
use super::paths::{self, Path};

/// Follows this many names that lead to other names (`pub use`); a longer chain is a circle.
const NAMES_MAX: usize = 8;

/// One crate: its modules by their path within it. The root's is empty.
#[derive(Default)]
pub(super) struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

struct Module {
    file: String,
    paths: Vec<Path>,
}

/// One file names something of another file of its crate.
#[derive(Debug)]
pub(super) struct Arrow {
    /// The module that names something.
    pub(super) from: Vec<String>,
    /// Where the name stands.
    pub(super) line: usize,
    /// The module that has what is named.
    pub(super) to: Vec<String>,
}

/// The crates of the workspace and of the fuzzer, by the folder of their sources. Files of tests are left out.
pub(super) fn crates(all: &[File]) -> BTreeMap<String, Crate> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for File { path, text } in all.iter().filter(|file| !is_test(&file.path)) {
        if let Some((folder, module)) = place(path) {
            let module = crates.entry(folder).or_default().modules.entry(module);
            // A package may have two roots, `lib.rs` and then `main.rs`. The modules are the library's.
            module.or_insert_with(|| Module { file: path.clone(), paths: paths::paths(&code(text)) });
        }
    }
    crates
}

/// The folder of the crate that a file belongs to, and the file's module path in it.
fn place(path: &str) -> Option<(String, Vec<String>)> {
    let inner = path.strip_suffix(".rs")?;
    let (folder, module) = if let Some((package, module)) = inner.split_once("/src/") {
        (format!("{package}/src"), module)
    } else {
        // Each target is a crate.
        let (package, target) = inner.split_once("/fuzz_targets/")?;
        let (target, module) = target.split_once('/').unwrap_or((target, ""));
        (format!("{package}/fuzz_targets/{target}"), module)
    };
    let module = match module {
        "lib" | "main" => "",
        module => module.strip_suffix("/mod").unwrap_or(module),
    };
    let parts = module.split('/').filter(|part| !part.is_empty());
    Some((folder, parts.map(str::to_owned).collect()))
}

impl Crate {
    /// The modules by their paths, each with its file.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Vec<String>, &str)> {
        self.modules.iter().map(|(module, Module { file, .. })| (module, file.as_str()))
    }

    /// The file of a module.
    pub(super) fn file(&self, module: &[String]) -> &str {
        self.modules.get(module).map_or("", |module| &module.file)
    }

    /// Every use of another file of the crate.
    pub(super) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        for (from, module) in &self.modules {
            for path in &module.paths {
                let Some(to) = self.resolve(from, path, 0).filter(|to| to != from) else { continue };
                arrows.push(Arrow { from: from.clone(), line: path.line, to });
            }
        }
        arrows
    }

    /// The module whose file has what a path names; `None` when it leads out of the crate.
    fn resolve(&self, from: &[String], path: &Path, names: usize) -> Option<Vec<String>> {
        let mut module = from.to_vec();
        let mut parts = &path.parts[..];
        match parts.first()?.as_str() {
            "crate" => module.clear(),
            "self" | "super" => {}
            // Only a `use` may begin with the name of a module below.
            child if path.name.is_some() && self.has(from, child) => {}
            _ => return None,
        }
        while let Some((part, rest)) = parts.split_first() {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => drop(module.pop()),
                part if self.has(&module, part) => module.push(part.to_owned()),
                part => return Some(self.renamed(&module, part, rest, names).unwrap_or(module)),
            }
            parts = rest;
        }
        Some(module)
    }

    /// The module that has what `module` knows as `name` by a `use` of its own.
    fn renamed(&self, module: &[String], name: &str, rest: &[String], names: usize) -> Option<Vec<String>> {
        let uses = &self.modules.get(module)?.paths;
        let mut path = uses.iter().find(|path| path.name.as_deref() == Some(name))?.clone();
        path.parts.extend_from_slice(rest);
        if names < NAMES_MAX { self.resolve(module, &path, names + 1) } else { None }
    }

    fn has(&self, module: &[String], child: &str) -> bool {
        self.modules.contains_key(&[module, &[child.to_owned()]].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        let crates = crates(&files.iter().map(file).collect::<Vec<_>>());
        let shown =
            |arrow: &Arrow| format!("{}:{} {}", arrow.from.join("::"), arrow.line, arrow.to.join("::"));
        crates.values().flat_map(|one| one.arrows().iter().map(shown).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn every_way_to_name_a_module_is_an_arrow() {
        let files = [
            ("a/src/lib.rs", "mod b;\nmod c;\n"),
            ("a/src/b.rs", "mod d;\nuse d::D;\nuse std::fmt;\nfn e() {\n    crate::c::f()\n}\n"),
            ("a/src/b/d.rs", "use super::super::c::F;\nuse super::g;\n"),
            ("a/src/c/mod.rs", "// crate::b\n#[cfg(test)]\nuse crate::b;\n"),
        ];
        assert_eq!(arrows(&files), ["b:2 b::d", "b:5 c", "b::d:1 c", "b::d:2 b"]);
    }

    #[test]
    fn a_name_is_followed_to_the_file_that_has_it() {
        let files = [
            ("a/src/lib.rs", "mod b;\nmod c;\npub use b::d::{self, E as F};\npub use c::c;\n"),
            ("a/src/b.rs", "pub mod d;\n"),
            ("a/src/b/d.rs", ""),
            ("a/src/c.rs", "use crate::F;\nuse crate::d::G;\nuse crate::Own;\n"),
        ];
        let expected = [":3 b::d", ":3 b::d", ":4 c", "c:1 b::d", "c:2 b::d", "c:3 "];
        assert_eq!(arrows(&files), expected);
    }

    #[test]
    fn each_fuzz_target_is_a_crate() {
        let files = [
            ("fuzz/fuzz_targets/a.rs", "mod b;\nuse b::B;\n"),
            ("fuzz/fuzz_targets/a/b.rs", "use crate::c::C;\n"),
            ("fuzz/fuzz_targets/a/c.rs", "use crate::d;\n"),
            ("fuzz/fuzz_targets/d.rs", ""),
        ];
        assert_eq!(arrows(&files), [":2 b", "b:1 c", "c:1 "]);
    }

    #[test]
    fn names_that_lead_in_a_circle_end() {
        let files = [("a/src/lib.rs", "mod b;\npub use b::x;\n"), ("a/src/b.rs", "pub use crate::x;\n")];
        assert!(!arrows(&files).is_empty());
    }
}
