//! What of a Rust file the compiler builds into the program: no comments, no texts, no tests.

/// The code of a file, with every comment, every text and every item under `#[cfg(test)]` blanked out.
///
/// Line ends stay, so that a line here has the number that it has in the file.
pub(super) fn code(text: &str) -> String {
    without_tests(&without_words(text))
}

/// Whether a file holds tests alone.
pub(super) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
}

/// Blanks comments and texts.
fn without_words(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = code.chars().next_back().is_some_and(|last| last.is_alphanumeric() || last == '_');
        let length = comment(rest).or_else(|| string(rest, after_name)).or_else(|| character(rest));
        let (taken, is_code) = length.map_or((first.len_utf8(), true), |length| (length, false));
        let (head, tail) = rest.split_at(taken);
        if is_code {
            code.push_str(head);
        } else {
            blank(head, &mut code);
        }
        rest = tail;
    }
    code
}

/// Adds a blank for each character, and each line end as it is.
fn blank(text: &str, to: &mut String) {
    to.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

/// The length of the comment that a text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut depth = 0;
    let mut at = 0;
    while text.starts_with("/*") && at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// The length of the string that a text begins with: plain, raw, of bytes or of C.
fn string(text: &str, after_name: bool) -> Option<usize> {
    let prefix = text.bytes().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    if prefix > 0 && after_name {
        return None;
    }
    let is_raw = text[..prefix].ends_with('r');
    let hashes = if is_raw { text[prefix..].bytes().take_while(|byte| *byte == b'#').count() } else { 0 };
    let start = prefix + hashes + 1;
    if !text[prefix + hashes..].starts_with('"') {
        return None;
    }
    if is_raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return text[start..].find(&end).map(|at| start + at + end.len());
    }
    let mut escaped = false;
    text[start..]
        .bytes()
        .position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })
        .map(|at| start + at + 1)
}

/// The length of the character that a text begins with. `'a` without an end is a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escaped) = inner.strip_prefix('\\') {
        let mut characters = escaped.char_indices().skip(1);
        return characters.find(|(_, c)| *c == '\'').map(|(at, _)| 2 + at + 1);
    }
    let length = inner.chars().next()?.len_utf8();
    inner[length..].starts_with('\'').then_some(1 + length + 1)
}

/// Blanks each item under `#[cfg(test)]`: up to its `;`, or to the end of its block.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let (before, item) = rest.split_at(at);
        kept.push_str(before);
        let mut depth = 0_usize;
        let end = item[MARK.len()..].bytes().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && matches!(byte, b';' | b'}')
        });
        let (item, after) = item.split_at(end.map_or(item.len(), |end| MARK.len() + end + 1));
        blank(item, &mut kept);
        rest = after;
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank() {
        let text = "a(); // crate::b\n/* crate::c /* d */ */ e(\"crate::f \\\" g\", r#\"crate::\"h\"#, b'\\'', 'i');\n";
        let code = code(text);
        assert_eq!(code.lines().count(), 2);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(""), "a();e(,,b,);");
    }

    #[test]
    fn a_lifetime_is_code() {
        assert_eq!(code("fn a<'a>(b: &'a str) {}\n"), "fn a<'a>(b: &'a str) {}\n");
        assert_eq!(code("let a = br\"b\"; let r = number; c\n").split_whitespace().count(), 9);
    }

    #[test]
    fn tests_are_blank_and_what_follows_them_is_not() {
        let text =
            "use a;\n#[cfg(test)]\nuse b;\nmod c;\n#[cfg(test)]\nmod tests {\n    fn d() {}\n}\nfn e() {}\n";
        let code = code(text);
        let lines: Vec<&str> = code.lines().map(str::trim).collect();
        assert_eq!(lines, ["use a;", "", "", "mod c;", "", "", "", "", "fn e() {}"]);
    }
}
