//! Ten thousand ordinary texts: code, documents, paths, hashes, ids, pictures, numbers, addresses, stack traces.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::planted::{ALNUM, B64, B64URL, HEX, Letters};
use super::redactor;

/// How many of them may be taken for a secret.
const FALSE_HITS_MAX: usize = 5;

/// Secrets in the tests of this repository.
const PLANTED: &[&str] =
    &["hunter2", "q7Hd93kfLw02", "key:secret@", "PRIVATE+KEY+", "?token=abc", "password: [redacted:"];

#[test]
fn ordinary_texts_stay_as_they_are() {
    let redactor = redactor();
    let texts = texts();
    assert!(texts.len() >= 10_000, "only {}", texts.len());
    let mut wrong = Vec::new();
    for text in &texts {
        let inside = serde_json::json!({"text": text, "path": text, "items": [text]}).to_string();
        if redactor.text(text) != *text || redactor.json(&inside).unwrap() != inside {
            wrong.push((text, redactor.explain_text(text)));
        }
    }
    assert!(wrong.len() <= FALSE_HITS_MAX, "{} of {}: {wrong:#?}", wrong.len(), texts.len());
}

fn texts() -> Vec<String> {
    let mut texts = pieces_of_this_repository();
    let mut letters = Letters::new(11);
    for n in 0..5_500 {
        texts.push(made(&mut letters, n));
    }
    texts
}

/// Some lines each of the sources and documents around this file, but for those that are about secrets.
fn pieces_of_this_repository() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["docs", "crates", "interop"] {
        walk(&root.join(folder), &mut files);
    }
    files.sort();
    let mut pieces = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        pieces.extend(lines.chunks(4).map(|lines| lines.join("\n")));
    }
    // What tests plant for the rules to find is no ordinary text.
    pieces.retain(|piece| !PLANTED.iter().any(|secret| piece.contains(secret)));
    // Every piece of a small repository; of a large one as many, from everywhere in it.
    let step = pieces.len().div_ceil(9_000).max(1);
    pieces.into_iter().step_by(step).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().to_lowercase();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "redact" | "redaction" | "node_modules") {
                walk(&path, files);
            }
        } else if [".rs", ".md", ".go", ".toml"].iter().any(|ending| name.ends_with(ending))
            && !name.contains("redact")
        {
            files.push(path);
        }
    }
}

fn uuid(letters: &mut Letters) -> String {
    [8, 4, 4, 4, 12].map(|count| letters.of(HEX, count)).join("-")
}

/// A text of one of the ordinary kinds.
fn made(letters: &mut Letters, n: u64) -> String {
    match n % 22 {
        0 => uuid(letters),
        1 => letters.of(HEX, 40),
        2 => format!("sha256:{}", letters.of(HEX, 64)),
        3 => letters.of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26),
        4 => format!("data:image/png;base64,iVBORw0KGgo{}", letters.of(B64, 600)),
        5 => letters.of(B64URL, 300),
        6 => format!("{}{}", 1_767_225_600_000_000_u64 + letters.below(1 << 44), letters.below(1000)),
        7 => format!(
            "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
            1 + letters.below(12),
            1 + letters.below(28),
            letters.below(24),
            letters.below(60),
            letters.below(60),
            letters.below(1_000_000_000)
        ),
        8 => format!(
            "v{}.{}.{}-rc.{}+{}",
            letters.below(20),
            letters.below(99),
            letters.below(999),
            letters.below(9),
            letters.of(HEX, 8)
        ),
        9 => format!(
            "https://example.com/api/v1/projects/{}/tokens?page={}&limit=50#keys",
            letters.below(99_999),
            letters.below(9)
        ),
        10 => format!(
            "/srv/agents/build-{}/target/release/deps/graven-{}.rlib",
            letters.below(99),
            letters.of(HEX, 16)
        ),
        11 => format!(
            "C:\\Users\\build{}\\AppData\\Local\\Temp\\{}.tmp",
            letters.below(99),
            letters.of(ALNUM, 8)
        ),
        12 => trace(letters),
        13 => format!(
            "used {} tokens of {} (max_tokens={}, token_count: {})",
            letters.below(9999),
            letters.below(99_999),
            letters.below(9999),
            letters.below(9999)
        ),
        14 => format!(
            "git commit {} by build{}@example.com: rotate the signing keys and pass the tests",
            letters.of(HEX, 40),
            letters.below(9)
        ),
        15 => format!(
            "+1 555 {:03} {:04}, {} {:03}-{:04} ext. {}",
            letters.below(1000),
            letters.below(10_000),
            letters.below(999),
            letters.below(1000),
            letters.below(10_000),
            letters.below(99)
        ),
        16 => format!(
            "GET /api/session/{}/messages HTTP/1.1 200 {} \"Mozilla/5.0 (X11; Linux x86_64; rv:{}.0)\"",
            uuid(letters),
            letters.below(99_999),
            letters.below(140)
        ),
        17 => format!("sha512-{}==", letters.of(B64, 86)),
        18 => format!(
            "arn:aws:iam::{:012}:role/build-{} in us-east-{}",
            letters.below(1_000_000_000_000),
            letters.of(HEX, 6),
            letters.below(4)
        ),
        19 => format!(
            "SELECT id, password_hash, token_type FROM users WHERE id = {} AND secret_name IS NOT NULL",
            letters.below(9999)
        ),
        20 => format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} build{}@example.com",
            letters.of(B64, 43),
            letters.below(99)
        ),
        _ => format!(
            "docker run -p {}:80 -u {} -e MODE=fast registry.example.com/app@sha256:{}",
            8000 + letters.below(999),
            letters.below(2000),
            letters.of(HEX, 64)
        ),
    }
}

fn trace(letters: &mut Letters) -> String {
    let mut text = String::from("Error: unexpected token: found `}`, expected one of `,`, `:`\n");
    for depth in 0..6 {
        let _ = writeln!(
            text,
            "   {depth}: 0x{} - graven::auth::Token::parse::h{}\n             at src/auth/token.rs:{}:{}",
            letters.of(HEX, 12),
            letters.of(HEX, 16),
            letters.below(900),
            letters.below(80)
        );
    }
    text
}
