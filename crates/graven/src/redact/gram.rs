//! The filter before all rules: looks for three bytes that occur in everything that a rule finds.
//!
//! Ordinary text must pass fast. So each rule names three bytes (a gram) without which it finds nothing, and one table
//! says of any three bytes whether they may be such a gram. Card numbers have no fixed bytes: for them, eight bytes
//! that are digits and at most two separators count as a gram. The rules look at every place where the filter stops.
//!
//! On ordinary log lines this filter takes 1.7 ns a byte, and so does `aho-corasick` 1.1 with its DFA for the grams alone
//! (its NFA takes 3.9 ns, and its packed searcher refuses 222 patterns). This one stays: it also counts digits, for
//! which the other needs a second pass, and its tables are made by the compiler.

use super::card::is_separator;
use super::tokens::{TOKENS, Token};

/// The rule that looks at a place with a gram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looker {
    /// The token at this position in [`TOKENS`].
    Token(u8),
    /// A word that may name a secret: the rule looks for an assigned value.
    Name,
    /// `://`
    Url,
    /// `eyJ`
    Jwt,
    /// `-----BEGIN`
    KeyBegin,
    /// `-----END`
    KeyEnd,
    /// `Bearer`, `Basic`
    Scheme,
    /// `7Q~`, `8Q~`
    AzureClient,
    /// `:AA`
    Telegram,
    /// A flag that takes a secret in some programs.
    Flag,
    /// `arn:`, `urn:`
    Resource,
    /// `[redacted:`
    Mark,
}

/// Why the filter stops at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspect {
    Gram(Looker),
    Digits,
}

struct Gram {
    bytes: [u8; 3],
    looker: Looker,
}

/// The grams of the rules that are not in the token table.
const OTHERS: &[(Looker, &[&[u8; 3]])] = &[
    (Looker::Url, &[b"://"]),
    (Looker::Jwt, &[b"eyJ"]),
    (Looker::KeyBegin, &[b"BEG"]),
    (Looker::KeyEnd, &[b"END"]),
    (Looker::Scheme, &[b"rer", b"RER", b"sic", b"SIC"]),
    (Looker::AzureClient, &[b"7Q~", b"8Q~"]),
    (Looker::Telegram, &[b":AA"]),
    (Looker::Flag, FLAGS),
    (Looker::Resource, &[b"rn:"]),
    (Looker::Mark, &[b"[re"]),
    (Looker::Name, NAMES),
];

/// One gram for each flag of [`command`](super::command). The second byte is in the flag.
#[rustfmt::skip]
const FLAGS: &[&[u8; 3]] = &[
    b" -u", b" -U", b" -p", b" -a", b" -w", b" -P", b" -b", b"\"-u", b"\"-U", b"\"-p", b"\"-a", b"\"-w", b"\"-P", b"\"-b",
    // --user, --proxy-user, --auth, --body, --value
    b"--u", b"y-u", b"--a", b"--b", b"--v",
    // curl -su, -sSu, -ku, -Lu, -vu, -iu, -fu, -lu
    b"su ", b"Su ", b"ku ", b"Lu ", b"vu ", b"iu ", b"fu ", b"lu ",
];

/// One gram for each word of [`names`](super::names), in every way of writing it.
#[rustfmt::skip]
const NAMES: &[&[u8; 3]] = &[
    // password, passwd, passphrase, passcode, pass, pwd, pswd, pw
    b"ssw", b"SSW", b"pas", b"Pas", b"PAS", b"pwd", b"Pwd", b"PWD", b"psw", b"Psw", b"PSW", b"pw\"", b"Pw\"", b"_pw", b"PW\"", b"_PW",
    // secret, token, authorization, cookie, credential, creds
    b"ecr", b"ECR", b"tok", b"Tok", b"TOK", b"riz", b"RIZ", b"kie", b"KIE", b"ede", b"EDE", b"eds", b"EDS",
    // api key
    b"pik", b"PIK", b"piK", b"pi_", b"PI_", b"pi-", b"PI-", b"i k", b"I k", b"I K",
    // Other keys, as separate words and written together: private, secret, access, session.
    b"_ke", b"-ke", b"_KE", b"-KE", b"Key", b"gke", b"hke", b"vke", b"GKE", b"HKE", b"VKE", b"tek", b"tke", b"ssk", b"nke", b"TEK", b"TKE", b"SSK", b"NKE",
    // jwt, otp, cvv, cvc
    b"jwt", b"Jwt", b"JWT", b"otp", b"Otp", b"OTP", b"cvv", b"cvc", b"Cvv", b"Cvc", b"CVV", b"CVC",
    // passphrase, seed phrase, mnemonic, recovery code, backup code, mfa code, bearer
    b"hra", b"HRA", b"nem", b"NEM", b"y_c", b"y-c", b"y-C", b"yCo", b"Y_C", b"Y-C", b"kup", b"KUP", b"mfa", b"Mfa", b"MFA", b"rer", b"RER",
    // auth, client key data
    b"uth", b"UTH",
    // sig=, signature=
    b"ig=", b"re=",
];

const COUNT: usize = TOKENS.len() + count_others();

const fn count_others() -> usize {
    let (mut count, mut of) = (0, 0);
    while of < OTHERS.len() {
        count += OTHERS[of].1.len();
        of += 1;
    }
    count
}

/// All grams.
static GRAMS: [Gram; COUNT] = all_grams();

const fn all_grams() -> [Gram; COUNT] {
    let mut grams = [const { Gram { bytes: [0; 3], looker: Looker::Mark } }; COUNT];
    let mut at = 0;
    while at < TOKENS.len() {
        let Token { prefix, gram, .. } = TOKENS[at];
        let prefix = prefix.as_bytes();
        grams[at] = Gram {
            bytes: [prefix[gram], prefix[gram + 1], prefix[gram + 2]],
            looker: Looker::Token(at as u8),
        };
        at += 1;
    }
    let mut of = 0;
    while of < OTHERS.len() {
        let (looker, list) = OTHERS[of];
        let mut one = 0;
        while one < list.len() {
            grams[at] = Gram { bytes: *list[one], looker };
            at += 1;
            one += 1;
        }
        of += 1;
    }
    grams
}

const SLOT_BITS: u32 = 12;

/// For each hash of three bytes: the position of the first gram with that hash plus one, or 0.
static FIRST: [u8; 1 << SLOT_BITS] = INDEX.0;
/// For each gram: the position of the next gram with the same hash plus one, or 0.
static NEXT: [u8; COUNT] = INDEX.1;

const INDEX: ([u8; 1 << SLOT_BITS], [u8; COUNT]) = index();

const fn index() -> ([u8; 1 << SLOT_BITS], [u8; COUNT]) {
    const { assert!(COUNT < 256, "a position fits a byte") };
    let grams = all_grams();
    let mut first = [0; 1 << SLOT_BITS];
    let mut next = [0; COUNT];
    let mut at = COUNT;
    while at > 0 {
        at -= 1;
        let [a, b, c] = grams[at].bytes;
        let slot = slot(u32::from_le_bytes([a, b, c, 0]));
        next[at] = first[slot];
        first[slot] = at as u8 + 1;
    }
    (first, next)
}

/// The slot in [`FIRST`] of the lower three bytes.
const fn slot(bytes: u32) -> usize {
    ((bytes << 8).wrapping_mul(0x9e37_79b1) >> (32 - SLOT_BITS)) as usize
}

/// One bit for each longer hash of three bytes, set if a gram has that hash. Few bits are set, so ordinary text rarely
/// meets one.
static FILTER: [u64; 1 << (FILTER_BITS - 6)] = filter();

const FILTER_BITS: u32 = 15;

const fn filter() -> [u64; 1 << (FILTER_BITS - 6)] {
    let grams = all_grams();
    let mut filter = [0; 1 << (FILTER_BITS - 6)];
    let mut at = 0;
    while at < COUNT {
        let [a, b, c] = grams[at].bytes;
        let bit = filter_bit(u32::from_le_bytes([a, b, c, 0]));
        filter[bit >> 6] |= 1 << (bit & 63);
        at += 1;
    }
    filter
}

/// The bit in [`FILTER`] of the lower three bytes.
const fn filter_bit(bytes: u32) -> usize {
    ((bytes << 8).wrapping_mul(0x9e37_79b1) >> (32 - FILTER_BITS)) as usize
}

/// The places that are looked at in one step: eight bytes hold six grams.
const STEP: usize = 6;

/// The first place from `at` on that a rule must look at. Ignores digits before `digits_from`: they are no card number.
#[inline]
pub(super) fn next_suspect(bytes: &[u8], mut at: usize, digits_from: usize) -> Option<(usize, Suspect)> {
    let from = at;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*eight);
        if may_be_suspect(word)
            && let Some(suspect) = look(word, at, from, digits_from)
        {
            return Some(suspect);
        }
        at += STEP;
    }
    let rest = bytes.get(at..).filter(|rest| rest.len() >= 3)?;
    // The last eight bytes, some of them for the second time; all bytes of a shorter text.
    let (word, at) = match bytes.last_chunk::<8>() {
        Some(eight) => (u64::from_le_bytes(*eight), bytes.len() - 8),
        None => {
            let mut eight = [0; 8];
            eight[..rest.len()].copy_from_slice(rest);
            (u64::from_le_bytes(eight), at)
        }
    };
    // Digits do not count here: a card number that was not seen before would be too short.
    if may_be_suspect(word) { look(word, at, from, usize::MAX) } else { None }
}

#[inline]
fn may_be_suspect(word: u64) -> bool {
    let mut any = 0;
    for place in 0..STEP {
        let bit = filter_bit((word >> (8 * place)) as u32);
        any |= FILTER[bit >> 6] >> (bit & 63);
    }
    (any & 1 != 0) | (digits(word) >= DIGITS_MIN)
}

/// The first suspect among the places of one step, at `from` or later.
#[inline(never)]
fn look(word: u64, at: usize, from: usize, digits_from: usize) -> Option<(usize, Suspect)> {
    for place in (0..STEP).filter(|place| at + place >= from) {
        let three = ((word >> (8 * place)) as u32) & 0x00ff_ffff;
        let mut gram = usize::from(FIRST[slot(three)]);
        while gram > 0 {
            let Gram { bytes: [a, b, c], looker } = GRAMS[gram - 1];
            if u32::from_le_bytes([a, b, c, 0]) == three {
                return Some((at + place, Suspect::Gram(looker)));
            }
            gram = usize::from(NEXT[gram - 1]);
        }
    }
    (at >= digits_from && is_part_of_a_number(word)).then_some((at, Suspect::Digits))
}

/// Whether eight bytes may stand inside a card number: nothing but digits and separators, and enough digits. Hexadecimal
/// ids, which begin with digits just as often, do not pass.
fn is_part_of_a_number(word: u64) -> bool {
    let others_separate = || {
        let mut bytes = word.to_le_bytes().into_iter();
        bytes.all(|byte| byte.is_ascii_digit() || is_separator(byte))
    };
    digits(word) >= DIGITS_MIN && others_separate()
}

/// All rules that look at the three bytes at this place. The one that [`next_suspect`] named comes first.
pub(super) fn lookers_at(bytes: &[u8], at: usize) -> impl Iterator<Item = Looker> {
    let three = [bytes[at], bytes[at + 1], bytes[at + 2]];
    let mut gram = usize::from(FIRST[slot(u32::from_le_bytes([three[0], three[1], three[2], 0]))]);
    std::iter::from_fn(move || {
        while gram > 0 {
            let this = &GRAMS[gram - 1];
            gram = usize::from(NEXT[gram - 1]);
            if this.bytes == three {
                return Some(this.looker);
            }
        }
        None
    })
}

/// Any eight bytes in a row of a card number hold at least this many digits, and separators: it has 13 digits or more, in
/// groups of at least three. Of a step's eight bytes in every six, some eight lie inside it.
const DIGITS_MIN: u32 = 6;

/// How many of eight bytes are digits.
fn digits(word: u64) -> u32 {
    const ONES: u64 = u64::MAX / 255;
    let high = |word: u64| (word & (ONES * 0xf0)) ^ (ONES * 0x30);
    // Zero where both the byte and the byte plus six have the high half of a digit. Bytes that would carry into the
    // next byte (0xfa and up) never occur in UTF-8.
    let other = high(word) | high(word.wrapping_add(ONES * 6));
    let low_bits = (other >> 4) & (ONES * 0x0f);
    // The high bit of each byte that is not zero.
    let not_digits = low_bits.wrapping_add(ONES * 0x7f) & (ONES * 0x80);
    // A multiplication adds up the bits: not every target processor has an instruction that counts them.
    8 - ((not_digits >> 7).wrapping_mul(ONES) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use super::super::card::GROUPINGS;
    use super::*;

    #[test]
    fn digits_are_counted() {
        for (text, count) in [(b"01234567", 8), (b"0123-567", 7), (b"/:/:/:/:", 0), (b"a9b8c7d6", 4)] {
            assert_eq!(digits(u64::from_le_bytes(*text)), count, "{text:?}");
        }
        for byte in 0..=0x7f_u8 {
            let word = u64::from_le_bytes([byte, b'x', byte, b'x', b'x', b'x', b'x', byte]);
            assert_eq!(digits(word), if byte.is_ascii_digit() { 3 } else { 0 }, "{byte}");
        }
    }

    #[test]
    fn every_card_number_is_found_at_every_place() {
        for grouping in GROUPINGS {
            for separator in [" ", "-"] {
                let groups: Vec<String> = grouping.iter().map(|digits| "4".repeat(*digits)).collect();
                let number = groups.join(separator);
                for before in 0..20 {
                    let text = format!("{}{number}~~~~~~~~", "~".repeat(before));
                    let (at, suspect) = next_suspect(text.as_bytes(), 0, 0).expect("there is a number");
                    assert_eq!(suspect, Suspect::Digits);
                    assert!((before..before + number.len()).contains(&at), "{text:?} at {at}");
                }
            }
        }
    }

    #[test]
    fn an_id_with_letters_among_its_digits_passes_and_a_run_of_digits_does_not() {
        let stops = |text: &str| next_suspect(text.as_bytes(), 0, 0).is_some();
        assert!(!stops("01995f3e-8a31-7c04-9d1c-3f6f0c1b2a44"));
        assert!(!stops("123456ab123456cd"));
        assert!(stops("20260131T120000Z"), "eight digits may be a part of a card number");
    }

    #[test]
    fn every_gram_is_found_at_every_place() {
        for gram in &GRAMS {
            for before in 0..20 {
                for after in 0..10 {
                    let mut text = vec![b'~'; before];
                    text.extend_from_slice(&gram.bytes);
                    text.extend(vec![b'~'; after]);
                    let (at, suspect) = next_suspect(&text, 0, 0).unwrap();
                    assert_eq!(at, before);
                    assert!(matches!(suspect, Suspect::Gram(_)));
                    assert!(lookers_at(&text, at).any(|looker| looker == gram.looker));
                }
            }
        }
    }
}
