//! The paths in Rust code: `crate::…`, `super::…` and `self::…` anywhere, and whatever a `use` names.

/// A path as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// The line that its last part stands in.
    pub(super) line: usize,
    /// Its parts. `*` is one, and `self` at the end is none.
    pub(super) parts: Vec<String>,
    /// The name under which a `use` brings it into the module.
    pub(super) name: Option<String>,
}

/// A word or a sign of the code, and its line.
type Token<'a> = (usize, &'a str);

/// All paths of a file. Its comments, texts and tests are blank already; see [`super::code`].
pub(super) fn paths(code: &str) -> Vec<Path> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let word = |at: usize| tokens.get(at).map_or("", |token| token.1);
        let before = if at == 0 { "" } else { word(at - 1) };
        if word(at) == "use" {
            at += 1;
            tree(&tokens, &mut at, &[], &mut found);
        } else if matches!(word(at), "crate" | "self" | "super") && word(at + 1) == "::" && before != "::" {
            let path = plain(&tokens, &mut at);
            // `pub(in crate::a)` says who may use something, and uses nothing.
            if before != "in" {
                found.push(path);
            }
        } else {
            at += 1;
        }
    }
    found
}

/// A path outside a `use`.
fn plain(tokens: &[Token], at: &mut usize) -> Path {
    let (line, first) = tokens[*at];
    let mut path = Path { line, parts: vec![first.to_owned()], name: None };
    *at += 1;
    while let [(_, "::"), (line, part), ..] = tokens[*at..]
        && is_word(part)
    {
        path.line = line;
        path.parts.push(part.to_owned());
        *at += 2;
    }
    path
}

/// What a `use` names, from `at` to the end of one branch: `a::{self, b as c, d::*}`.
fn tree(tokens: &[Token], at: &mut usize, above: &[String], found: &mut Vec<Path>) {
    let mut parts = above.to_vec();
    let mut path = None;
    while let Some((line, token)) = tokens.get(*at).copied() {
        match token {
            ";" | "," | "}" => break,
            "{" => {
                while !matches!(tokens.get(*at), None | Some((_, "}" | ";"))) {
                    *at += 1;
                    tree(tokens, at, &parts, found);
                }
                *at += 1;
                return;
            }
            "as" => {
                path = tokens.get(*at + 1).map(|(_, name)| (line, (*name).to_owned()));
                *at += 2;
            }
            "::" => *at += 1,
            part => {
                if part != "self" || parts.is_empty() {
                    parts.push(part.to_owned());
                }
                path = parts.last().map(|name| (line, name.clone()));
                *at += 1;
            }
        }
    }
    if let Some((line, name)) = path {
        found.push(Path { line, parts, name: Some(name) });
    }
}

/// Cuts code into words, `::` and single signs.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()) {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                length => length,
            };
            let (token, after) = rest.split_at(length);
            tokens.push((number, token));
            rest = after.trim_start();
        }
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> Vec<String> {
        let shown = |path: &Path| {
            let name = path.name.as_deref().map(|name| format!(" as {name}")).unwrap_or_default();
            format!("{} {}{name}", path.line, path.parts.join("::"))
        };
        paths(code).iter().map(shown).collect()
    }

    #[test]
    fn a_use_names_each_of_its_leaves() {
        let code = "pub(crate) use crate::a::{self, b as c,\n    d::{e, *}, f};\nuse g;\n";
        let expected = [
            "1 crate::a as a",
            "1 crate::a::b as c",
            "2 crate::a::d::e as e",
            "2 crate::a::d::* as *",
            "2 crate::a::f as f",
            "3 g as g",
        ];
        assert_eq!(shown(code), expected);
    }

    #[test]
    fn a_path_in_code_is_found() {
        let code = "pub(in crate::a) fn b(c: &crate::d::E<'_>) {\n    super::super::f::<u8>();\n    std::crate_name();\n}\n";
        assert_eq!(shown(code), ["1 crate::d::E", "2 super::super::f"]);
    }
}
