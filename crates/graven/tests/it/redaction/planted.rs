//! Two hundred secrets, made from parts so that no file of ours holds one.

use std::fmt::Write;

/// A repeatable source of letters.
pub(crate) struct Letters(u64);

impl Letters {
    pub(crate) fn new(seed: u64) -> Letters {
        Letters(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn number(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.number() >> 11) % bound
    }

    pub(crate) fn of(&mut self, alphabet: &str, count: usize) -> String {
        let bytes = alphabet.as_bytes();
        (0..count).map(|_| char::from(bytes[self.below(bytes.len() as u64) as usize])).collect()
    }
}

pub(crate) const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const HEX: &str = "0123456789abcdef";
pub(crate) const B64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(crate) const B64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CAPS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret, and a text around it from which the rules can tell it.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) secret: String,
    pub(crate) text: String,
}

/// Tokens that are known wherever they stand.
pub(crate) fn tokens(letters: &mut Letters) -> Vec<String> {
    let mut made: Vec<String> = Vec::new();
    for (prefix, alphabet, count) in [
        ("AK IA", CAPS, 16),
        ("AS IA", CAPS, 16),
        ("AI za", B64URL, 35),
        ("GOCS PX-", B64URL, 28),
        ("ya 29.", B64URL, 60),
        ("gh p_", ALNUM, 36),
        ("gh o_", ALNUM, 36),
        ("gh s_", ALNUM, 36),
        ("gh r_", ALNUM, 76),
        ("github _pat_", ALNUM, 82),
        ("glp at-", B64URL, 20),
        ("glr t-", B64URL, 20),
        ("xo xb-", "0123456789", 12),
        ("xo xp-", "0123456789", 12),
        ("xap p-1-", ALNUM, 40),
        ("sk_ live_", ALNUM, 24),
        ("sk_ test_", ALNUM, 24),
        ("rk_ live_", ALNUM, 24),
        ("whs ec_", ALNUM, 32),
        ("np m_", ALNUM, 36),
        ("sk- ant-api03-", B64URL, 93),
        ("sk- proj-", B64URL, 64),
        ("sk- svcacct-", B64URL, 64),
        ("hf _", ALNUM, 34),
        ("pyp i-AgEIcHlwaS5vcmc", B64URL, 60),
        ("dop _v1_", HEX, 64),
        ("dap i", HEX, 32),
        ("shp at_", HEX, 32),
        ("hv s.", ALNUM, 24),
        ("dck r_pat_", B64URL, 27),
        ("gl sa_", ALNUM, 32),
        ("lin _api_", ALNUM, 40),
        ("AGE-SEC RET-KEY-1", CAPS, 58),
    ] {
        made.push(format!("{}{}", prefix.replace(' ', ""), letters.of(alphabet, count)));
    }
    // The old form of an OpenAI key, and a SendGrid one.
    made.push(format!("sk-{}T3Blbk{}{}", letters.of(ALNUM, 20), "FJ", letters.of(ALNUM, 20)));
    made.push(format!("SG.{}.{}", letters.of(B64URL, 22), letters.of(B64URL, 43)));
    made.push(jwt(letters));
    made.push(pem(letters));
    made.push(card(letters, "4", 16, ""));
    made.push(card(letters, "52", 16, " "));
    made.push(card(letters, "37", 15, ""));
    made.push(card(letters, "6011", 16, "-"));
    made
}

fn jwt(letters: &mut Letters) -> String {
    format!(
        "ey{}.ey{}.{}",
        letters.of(ALNUM, 30).replacen(|_| true, "J", 1),
        letters.of(ALNUM, 80).replacen(|_| true, "J", 1),
        letters.of(B64URL, 43)
    )
}

fn pem(letters: &mut Letters) -> String {
    let kind = ["RSA PRIVATE", "PRIVATE", "EC PRIVATE", "OPENSSH PRIVATE"][letters.below(4) as usize];
    let mut text = format!("-----BEG{} {kind} KEY-----\n", "IN");
    for _ in 0..6 {
        let _ = writeln!(text, "{}", letters.of(B64, 64));
    }
    let _ = write!(text, "-----END {kind} KEY-----");
    text
}

/// A number with the right check digit, in groups of four.
fn card(letters: &mut Letters, issuer: &str, count: usize, separator: &str) -> String {
    let digits = format!("{issuer}{}", letters.of("0123456789", count - issuer.len() - 1));
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 1 {
                digit
            } else if digit > 4 {
                2 * digit - 9
            } else {
                2 * digit
            }
        })
        .sum();
    let whole = format!("{digits}{}", (10 - sum % 10) % 10);
    let groups: Vec<&str> =
        whole.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(separator)
}

/// Passwords, that only what stands around them tells.
fn told_by_their_place(letters: &mut Letters) -> Vec<Planted> {
    let forms: [&dyn Fn(&str) -> String; 20] = [
        &|s| format!("password={s}"),
        &|s| format!("mysql --password={s} -u root shop"),
        &|s| format!("login --passwd {s} --user bob"),
        &|s| format!("DB_PASSWORD={s} ./run"),
        &|s| format!("https://example.com/cb?access_token={s}&state=1"),
        &|s| format!("postgres://app:{s}@db.example.com:5432/shop"),
        &|s| format!("redis://:{s}@cache:6379/0"),
        &|s| format!("Authorization: Bearer {s}"),
        &|s| format!("curl -H 'X-Api-Key: {s}' https://example.com"),
        &|s| format!("GET / HTTP/1.1\r\nCookie: sid={s}\r\n"),
        &|s| format!(r#"sent {{"client_secret":"{s}","n":1}}"#),
        &|s| format!("client_secret = \"{s}\""),
        &|s| format!("Server=db;Password={s};Encrypt=true"),
        &|s| format!("AccountName=x;AccountKey={s};EndpointSuffix=core"),
        &|s| format!("{{'api_key': '{s}'}}"),
        &|s| format!("curl -u admin:{s} https://example.com"),
        &|s| format!("sshpass -p {s} ssh host"),
        &|s| format!("aws_secret_access_key = {s}"),
        &|s| format!("secret: {s}"),
        &|s| format!(r#"run ["--token","{s}"]"#),
    ];
    forms
        .iter()
        .map(|form| {
            // A letter and a digit for certain.
            let secret = format!("q7{}", letters.of(ALNUM, 18));
            Planted { text: form(&secret), secret }
        })
        .collect()
}

/// The whole set.
pub(crate) fn two_hundred() -> Vec<Planted> {
    let mut letters = Letters::new(5);
    let mut planted = Vec::new();
    while planted.len() < 200 {
        for secret in tokens(&mut letters) {
            let text = match planted.len() % 4 {
                0 => secret.clone(),
                1 => format!("used {secret} twice"),
                2 => format!("run \"{secret}\""),
                _ => format!("(see {secret})"),
            };
            planted.push(Planted { secret, text });
        }
        planted.extend(told_by_their_place(&mut letters));
    }
    planted.truncate(200);
    planted
}
