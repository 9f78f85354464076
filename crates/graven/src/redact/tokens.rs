//! Finds tokens by their prefix: one row for each format that a vendor publishes.

use super::text::Scan;

/// The bytes that may follow a prefix: bits of [`CLASSES`].
type Alphabet = u8;

const DIGIT: Alphabet = 1;
const LOWER: Alphabet = 2;
const UPPER: Alphabet = 4;
const UNDERSCORE: Alphabet = 8;
const DASH: Alphabet = 16;
const DOT: Alphabet = 32;
/// `+` and `/`
const PLUS: Alphabet = 64;
const EQUALS: Alphabet = 128;

/// A to Z, a to z, 0 to 9.
pub(super) const ALNUM: Alphabet = DIGIT | LOWER | UPPER;
/// The URL-safe alphabet of base64.
pub(super) const URL: Alphabet = ALNUM | UNDERSCORE | DASH;
/// Base64.
pub(super) const B64: Alphabet = ALNUM | PLUS | EQUALS;
/// The bytes of a token in HTTP (RFC 6750, `b64token`), without `~`.
pub(super) const HTTP: Alphabet = URL | B64 | DOT;
const WORD: Alphabet = ALNUM | UNDERSCORE;
const KEBAB: Alphabet = ALNUM | DASH;
const CAPS: Alphabet = UPPER | DIGIT;
const SMALL: Alphabet = LOWER | DIGIT;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'_' => UNDERSCORE,
            b'-' => DASH,
            b'.' => DOT,
            b'+' | b'/' => PLUS,
            b'=' => EQUALS,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// Whether a byte is in an alphabet.
pub(super) fn is_in(byte: u8, alphabet: Alphabet) -> bool {
    CLASSES[usize::from(byte)] & alphabet != 0
}

/// The number of leading bytes in an alphabet.
pub(super) fn run(bytes: &[u8], alphabet: Alphabet) -> usize {
    bytes.iter().take_while(|byte| is_in(**byte, alphabet)).count()
}

impl Scan<'_> {
    /// Where the bytes in an alphabet end that begin at a place. Tokens in a long run all end where it ends, so it is read
    /// once.
    pub(super) fn run_end(&mut self, at: usize, alphabet: Alphabet) -> usize {
        let known = self.runs.iter().position(|(of, ..)| *of == alphabet);
        if let Some((_, start, end)) = known.map(|place| self.runs[place])
            && (start..end).contains(&at)
        {
            return end;
        }
        let length = run(&self.bytes()[at..], alphabet);
        self.work(length);
        let read = (alphabet, at, at + length);
        match known {
            Some(place) => self.runs[place] = read,
            None => self.runs.push(read),
        }
        at + length
    }
}

/// A kind of token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) rule: &'static str,
    pub(super) prefix: &'static str,
    /// The position of the gram in the prefix.
    pub(super) gram: usize,
    /// The bytes after the prefix.
    body: Alphabet,
    /// The fewest bytes after the prefix; with [`Exact`] their number.
    min: usize,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The prefix may stand anywhere.
    Anywhere,
    /// The prefix must not stand within a word, because it is short.
    Bounded,
    /// Not within a word, and exactly `min` bytes after the prefix.
    Exact,
    /// Not within a word, and with digits as well as letters.
    Mixed,
    /// The prefix may stand anywhere; it is not secret and stays.
    Behind,
}

use How::{Anywhere, Behind, Bounded, Exact, Mixed};

const fn token(
    rule: &'static str,
    prefix: &'static str,
    gram: usize,
    body: Alphabet,
    min: usize,
    how: How,
) -> Token {
    Token { rule, prefix, gram, body, min, how }
}

/// The kinds of tokens.
#[rustfmt::skip]
pub(super) const TOKENS: &[Token] = &[
    token("aws-access-key", "AKIA", 1, CAPS, 16, Exact),
    token("aws-access-key", "ASIA", 1, CAPS, 16, Exact),
    token("aws-access-key", "ABIA", 1, CAPS, 16, Exact),
    token("aws-access-key", "ACCA", 1, CAPS, 16, Exact),
    token("aws-session-token", "IQoJb3JpZ2lu", 1, B64, 80, Anywhere),
    token("aws-session-token", "FwoGZXIvYXdz", 1, B64, 80, Anywhere),
    token("aws-bedrock-key", "ABSKQmVkcm9ja0", 1, B64, 60, Anywhere),
    token("google-api-key", "AIza", 0, URL, 35, Anywhere),
    token("google-oauth", "GOCSPX-", 3, URL, 20, Anywhere),
    token("google-oauth", "ya29.", 0, URL | DOT, 20, Bounded),
    token("google-oauth", "1//0", 0, URL, 40, Bounded),
    token("azure-key", "JQQJ99", 0, ALNUM, 20, Anywhere),
    token("alibaba-key", "LTAI", 1, ALNUM, 20, Mixed),
    token("graven-token", "gvn_", 1, ALNUM, 40, Anywhere),
    token("github-token", "ghp_", 1, ALNUM, 30, Anywhere),
    token("github-token", "gho_", 1, ALNUM, 30, Anywhere),
    token("github-token", "ghu_", 1, ALNUM, 30, Anywhere),
    token("github-token", "ghs_", 1, ALNUM, 30, Anywhere),
    token("github-token", "ghr_", 1, ALNUM, 30, Anywhere),
    token("github-token", "github_pat_", 5, WORD, 36, Anywhere),
    token("gitlab-token", "glpat-", 1, URL | DOT, 18, Anywhere),
    token("gitlab-token", "gldt-", 1, URL, 18, Anywhere),
    token("gitlab-token", "glft-", 1, URL, 18, Anywhere),
    token("gitlab-token", "glrt-", 1, URL | DOT, 18, Anywhere),
    token("gitlab-token", "glrtr-", 2, URL, 18, Anywhere),
    token("gitlab-token", "glptt-", 1, URL, 18, Anywhere),
    token("gitlab-token", "gloas-", 2, URL, 18, Anywhere),
    token("gitlab-token", "glimt-", 3, URL, 18, Anywhere),
    token("gitlab-token", "glcbt-", 1, URL, 18, Anywhere),
    token("gitlab-token", "glagent-", 0, URL, 18, Anywhere),
    token("gitlab-token", "glsoat-", 2, URL, 18, Anywhere),
    token("gitlab-token", "glffct-", 1, URL, 18, Anywhere),
    token("gitlab-token", "GR1348941", 1, URL, 20, Anywhere),
    token("bitbucket-token", "ATBB", 1, ALNUM, 28, Mixed),
    token("atlassian-token", "ATATT3", 3, URL | EQUALS, 40, Anywhere),
    token("atlassian-token", "ATCTT3", 3, URL | EQUALS, 40, Anywhere),
    token("slack-token", "xoxa-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxb-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxc-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxd-", 0, KEBAB | PLUS, 10, Anywhere),
    token("slack-token", "xoxe-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxe.xoxb-", 3, KEBAB, 10, Anywhere),
    token("slack-token", "xoxe.xoxp-", 3, KEBAB, 10, Anywhere),
    token("slack-token", "xoxo-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxp-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxr-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xoxs-", 0, KEBAB, 10, Anywhere),
    token("slack-token", "xapp-", 0, KEBAB, 20, Anywhere),
    token("slack-webhook", "hooks.slack.com/services/", 10, WORD | PLUS, 20, Behind),
    token("slack-webhook", "hooks.slack.com/workflows/", 10, WORD | PLUS, 20, Behind),
    token("slack-webhook", "hooks.slack.com/triggers/", 10, WORD | PLUS, 20, Behind),
    token("discord-webhook", "/api/webhooks/", 7, URL | PLUS, 60, Behind),
    token("stripe-key", "sk_live_", 0, ALNUM, 10, Anywhere),
    token("stripe-key", "sk_test_", 0, ALNUM, 10, Anywhere),
    token("stripe-key", "rk_live_", 0, ALNUM, 10, Anywhere),
    token("stripe-key", "rk_test_", 0, ALNUM, 10, Anywhere),
    token("stripe-key", "whsec_", 0, B64, 20, Anywhere),
    token("npm-token", "npm_", 1, ALNUM, 36, Anywhere),
    token("pypi-token", "pypi-AgE", 5, URL, 40, Anywhere),
    token("rubygems-token", "rubygems_", 6, SMALL, 40, Anywhere),
    token("crates-token", "cio", 0, ALNUM, 32, Exact),
    token("anthropic-key", "sk-ant-", 0, URL, 20, Anywhere),
    token("openai-key", "sk-proj-", 0, URL, 20, Anywhere),
    token("openai-key", "sk-svcacct-", 0, URL, 20, Anywhere),
    token("openai-key", "sk-admin-", 0, URL, 20, Anywhere),
    token("openai-key", "sk-None-", 0, URL, 20, Anywhere),
    token("openai-key", "sk-or-v1-", 0, URL, 20, Anywhere),
    token("openai-key", "sk-", 0, ALNUM, 32, Mixed),
    token("huggingface-token", "hf_", 0, ALNUM, 30, Bounded),
    token("replicate-token", "r8_", 0, ALNUM, 30, Bounded),
    token("groq-key", "gsk_", 0, ALNUM, 40, Bounded),
    token("xai-key", "xai-", 0, ALNUM, 60, Bounded),
    token("perplexity-key", "pplx-", 1, ALNUM, 40, Anywhere),
    token("sendgrid-key", "SG.", 0, URL | DOT, 50, Bounded),
    token("digitalocean-token", "dop_v1_", 3, SMALL, 40, Anywhere),
    token("digitalocean-token", "doo_v1_", 3, SMALL, 40, Anywhere),
    token("digitalocean-token", "dor_v1_", 3, SMALL, 40, Anywhere),
    token("databricks-token", "dapi", 0, SMALL, 32, Exact),
    token("shopify-token", "shpat_", 0, ALNUM, 30, Anywhere),
    token("shopify-token", "shpca_", 0, ALNUM, 30, Anywhere),
    token("shopify-token", "shppa_", 0, ALNUM, 30, Anywhere),
    token("shopify-token", "shpss_", 0, ALNUM, 30, Anywhere),
    token("vault-token", "hvs.", 0, URL, 20, Bounded),
    token("vault-token", "hvb.", 0, URL, 20, Bounded),
    token("docker-token", "dckr_pat_", 1, URL, 20, Anywhere),
    token("docker-token", "dckr_oat_", 1, URL, 20, Anywhere),
    token("doppler-token", "dp.pt.", 0, ALNUM, 40, Bounded),
    token("doppler-token", "dp.st.", 0, WORD | DOT, 40, Bounded),
    token("linear-key", "lin_api_", 2, ALNUM, 32, Anywhere),
    token("notion-token", "ntn_", 1, ALNUM, 40, Bounded),
    token("notion-token", "secret_", 1, ALNUM, 43, Exact),
    token("postman-key", "PMAK-", 1, KEBAB, 50, Anywhere),
    token("newrelic-key", "NRAK-", 1, CAPS, 27, Anywhere),
    token("grafana-token", "glsa_", 2, WORD, 30, Anywhere),
    token("grafana-token", "glc_", 1, B64, 32, Bounded),
    token("sentry-token", "sntrys_", 0, B64 | UNDERSCORE, 40, Anywhere),
    token("sentry-token", "sntryu_", 0, ALNUM, 40, Anywhere),
    token("tailscale-key", "tskey-", 0, KEBAB, 20, Anywhere),
    token("supabase-key", "sbp_", 0, SMALL, 40, Bounded),
    token("supabase-key", "sb_secret_", 0, URL, 20, Anywhere),
    token("planetscale-token", "pscale_", 0, URL | DOT, 30, Anywhere),
    token("terraform-token", "atlasv1.", 4, URL | EQUALS, 50, Anywhere),
    token("artifactory-token", "AKCp", 1, ALNUM, 60, Bounded),
    token("dynatrace-token", "dt0c01.", 1, CAPS | DOT, 60, Anywhere),
    token("figma-token", "figd_", 2, URL, 36, Anywhere),
    token("netlify-token", "nfp_", 0, ALNUM, 36, Bounded),
    token("circleci-token", "CCIPAT_", 1, WORD, 40, Anywhere),
    token("fly-token", "fm2_", 0, B64, 60, Bounded),
    token("heroku-key", "HRKU-", 1, URL, 40, Anywhere),
    token("facebook-token", "EAACEdEose0cBA", 4, ALNUM, 20, Anywhere),
    token("square-token", "sq0atp-", 1, URL, 20, Anywhere),
    token("square-token", "sq0csp-", 1, URL, 40, Anywhere),
    token("buildkite-token", "bkua_", 0, SMALL, 40, Bounded),
    token("onepassword-token", "ops_eyJ", 3, URL | EQUALS, 100, Anywhere),
    token("age-key", "AGE-SECRET-KEY-1", 1, CAPS, 50, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBQUklWQVRFIEtF", 16, B64, 40, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBSU0EgUFJJVkFU", 16, B64, 40, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBFQyBQUklWQVRF", 16, B64, 40, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBPUEVOU1NIIFBS", 16, B64, 40, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBFTkNSWVBURUQg", 16, B64, 40, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBEU0EgUFJJVkFU", 16, B64, 40, Anywhere),
    token("pem-private-key", "LS0tLS1CRUdJTiBQR1AgUFJJVkFU", 16, B64, 40, Anywhere),
    token("pem-private-key", "b3BlbnNzaC1rZXktdjE", 1, B64, 60, Anywhere),
    token("note-signing-key", "PRIVATE+KEY+", 5, HTTP, 40, Anywhere),
];

/// A body of more bytes than this needs no digits and letters to be a token. So a rule that does not apply has read
/// little.
const MIXED_SEEN: usize = 64;

/// Start and end of the token whose gram is at this place; for [`Behind`], without the prefix.
pub(super) fn find(scan: &mut Scan<'_>, at: usize, token: &Token) -> Option<(usize, usize)> {
    let bytes = scan.bytes();
    let start = at.checked_sub(token.gram)?;
    let body = start + token.prefix.len();
    if !bytes[start..].starts_with(token.prefix.as_bytes()) {
        return None;
    }
    let bounded = !matches!(token.how, Anywhere | Behind);
    if bounded && start > 0 && is_in(bytes[start - 1], ALNUM) {
        return None;
    }
    let end = scan.run_end(body, token.body);
    let length = end - body;
    let right = match token.how {
        Exact => length == token.min && !bytes.get(end).is_some_and(|byte| is_in(*byte, WORD)),
        Mixed => length >= token.min && is_mixed(&bytes[body..end]),
        Anywhere | Bounded | Behind => length >= token.min,
    };
    right.then_some((if token.how == Behind { body } else { start }, end))
}

/// Whether a body has digits and letters, or is longer than [`MIXED_SEEN`].
fn is_mixed(body: &[u8]) -> bool {
    body.len() > MIXED_SEEN
        || (body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic))
}
