//! Names of fields, flags and variables: which of them say that their value is a secret.
//!
//! A name is taken apart into words, so that `clientSecret`, `client-secret`, `CLIENT_SECRET` and `client.secret` are
//! one. A word that names a secret counts unless the words after it say that the value is only about one
//! (`token_count`, `password_policy`, `access_key_id`).

/// What a value under a name is, and so what its mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) rule: &'static str,
    pub(super) kind: Kind,
}

/// How sure a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chosen by people: may be short and plain.
    Password,
    /// Made by machines: long and mixed.
    Token,
    /// Headers: the rest of the line belongs to them.
    Authorization,
    Cookie,
    /// A word that also means other things: only texts count, not numbers.
    Weak,
    /// Only in the query of an address.
    Query,
}

impl Named {
    const fn new(rule: &'static str, kind: Kind) -> Named {
        Named { rule, kind }
    }
}

const PASSWORD: Named = Named::new("password", Kind::Password);
const SECRET: Named = Named::new("secret", Kind::Token);
const TOKEN: Named = Named::new("token", Kind::Token);
const API_KEY: Named = Named::new("api-key", Kind::Token);
const PRIVATE_KEY: Named = Named::new("private-key", Kind::Token);
const KEY: Named = Named::new("key", Kind::Token);
const CREDENTIAL: Named = Named::new("credential", Kind::Token);
const AUTHORIZATION: Named = Named::new("authorization", Kind::Authorization);
const COOKIE: Named = Named::new("cookie", Kind::Cookie);
const CODE: Named = Named::new("code", Kind::Password);
const CARD_CODE: Named = Named::new("card-code", Kind::Weak);
const PASS: Named = Named::new("password", Kind::Weak);
const SIGNATURE: Named = Named::new("signature", Kind::Query);

/// Words that name a secret by themselves.
#[rustfmt::skip]
const WORDS: &[(&[&str], Named)] = &[
    (
        &[
            "password", "passwords", "passwd", "passwds", "pwd", "pswd", "psw", "passphrase", "passphrases",
            "passcode",
        ],
        PASSWORD,
    ),
    (&["pass", "pw"], PASS),
    (&["secret", "secrets"], SECRET),
    (&["token", "jwt", "bearer"], TOKEN),
    (&["authorization"], AUTHORIZATION),
    (&["cookie", "cookies"], COOKIE),
    (&["credential", "credentials", "creds"], CREDENTIAL),
    (&["apikey", "apikeys"], API_KEY),
    (&["privatekey", "privatekeys", "privkey"], PRIVATE_KEY),
    (&["secretkey", "accesskey", "sessionkey", "signingkey", "encryptionkey", "authkey"], KEY),
    (&["otp", "totp"], CODE),
    (&["cvv", "cvv2", "cvc", "cvc2"], CARD_CODE),
    (&["mnemonic"], SECRET),
    (&["sig", "signature"], SIGNATURE),
];

/// Ends of words that were run together, such as `clientsecret` and `PGPASSWORD`.
const ENDS: &[(&str, Named)] = &[
    ("password", PASSWORD),
    ("passwd", PASSWORD),
    ("passphrase", PASSWORD),
    ("secret", SECRET),
    ("token", TOKEN),
    ("apikey", API_KEY),
    ("privatekey", PRIVATE_KEY),
    ("secretkey", KEY),
    ("accesskey", KEY),
    ("sessionkey", KEY),
    ("pass", PASS),
];

/// Two words that name one together.
#[rustfmt::skip]
const PAIRS: &[(&[&str], &[&str], Named)] = &[
    (&["api"], &["key", "keys"], API_KEY),
    (&["private", "priv"], &["key", "keys"], PRIVATE_KEY),
    (
        &[
            "secret", "access", "session", "signing", "sign", "encryption", "encrypt", "decryption",
            "cipher", "master", "account", "shared", "auth", "authentication", "ssh", "deploy",
            "subscription", "license", "hmac", "symmetric", "webhook", "root", "admin", "app", "server",
            "wrapping",
        ],
        &["key", "keys"],
        KEY,
    ),
    (
        &[
            "access", "refresh", "auth", "api", "bearer", "session", "id", "csrf", "xsrf", "personal",
            "security",
        ],
        &["tokens"],
        TOKEN,
    ),
    (&["seed", "recovery"], &["phrase", "phrases"], SECRET),
    (&["recovery", "backup", "mfa"], &["code", "codes"], CODE),
];

/// Words after a secret's that make the value harmless: it is about the secret.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "age", "algorithm", "alg", "alias", "arn", "at", "attempt", "attempts", "audience", "banner", "bucket",
    "budget", "bytes", "cache", "changed", "chars", "check", "checks", "class", "column", "consent", "cost",
    "count", "counts", "created", "date", "description", "dir", "disabled", "domain", "enabled", "endpoint",
    "error", "errors", "event", "exists", "expiration", "expired", "expires", "expiry", "field", "fields",
    "file", "filename", "fingerprint", "format", "handler", "header", "hint", "host", "id", "ids", "idx",
    "in", "index", "issuer", "jar", "kind", "label", "last4", "len", "length", "limit", "limits", "manager",
    "mask", "masked", "max", "message", "method", "methods", "min", "ms", "name", "names", "out", "page",
    "path", "placeholder", "policy", "port", "position", "prefix", "present", "price", "prompt", "provider",
    "rate", "reason", "ref", "reference", "region", "remaining", "required", "ring", "rotated", "rotation",
    "schema", "scope", "scopes", "seconds", "secs", "server", "service", "set", "size", "source", "state",
    "status", "store", "strength", "suffix", "thumbprint", "time", "timestamp", "title", "total", "ttl",
    "type", "types", "updated", "uri", "url", "usage", "used", "valid", "validity", "vault", "verified",
    "version", "view", "window",
];

/// Words before `token` that make it a part of a text, a place in a list or a number.
#[rustfmt::skip]
const NO_TOKEN: &[&str] = &[
    "bos", "cancel", "cancellation", "completion", "continuation", "end", "eos", "expected", "input",
    "last", "mask", "max", "min", "next", "num", "output", "pad", "page", "per", "prev", "previous",
    "prompt", "special", "start", "stop", "sync", "total", "unexpected", "unk",
];

/// First words of yes-or-no questions, and what is for all to see.
const NO_SECRET: &[&str] =
    &["has", "is", "no", "needs", "public", "require", "requires", "show", "hide", "use", "uses"];

/// Names with more words than this are judged by their last ones.
const WORDS_MAX: usize = 24;

/// What a value under this name is, if it is a secret. `own` are further names, in words.
pub(super) fn secret(name: &str, own: &[Vec<String>]) -> Option<Named> {
    let words = Words::of(name);
    let words = words.list();
    if let Some(named) = own_name(&words, own) {
        return Some(named);
    }
    if words.first().is_some_and(|first| words.len() > 1 && NO_SECRET.contains(first)) {
        return None;
    }
    // The last secret that is named decides: what stands before it only says of what.
    (0..words.len()).rev().find_map(|at| {
        let (named, length) = named_at(&words, at)?;
        let about = words[at + length..].iter().any(|word| ABOUT.contains(word));
        let no_token = named == TOKEN && at > 0 && NO_TOKEN.contains(&words[at - 1]);
        Some((!about && !no_token).then_some(named))
    })?
}

/// The secret that the words from here on name, and in how many of them.
fn named_at(words: &[&str], at: usize) -> Option<(Named, usize)> {
    let word = words[at];
    // As the second word of a pair it was meant together with the first.
    if let Some(before) = at.checked_sub(1).map(|before| words[before])
        && let Some((.., named)) =
            PAIRS.iter().find(|(first, second, _)| first.contains(&before) && second.contains(&word))
    {
        return Some((*named, 1));
    }
    if let Some((_, named)) = WORDS.iter().find(|(list, _)| list.contains(&word)) {
        let last = at + 1 == words.len();
        return (named.kind != Kind::Weak || last).then_some((*named, 1));
    }
    let joined = ENDS.iter().find(|(end, _)| word.len() > end.len() && word.ends_with(end));
    let (end, named) = joined?;
    // `compass` and `bypass` are no passwords; `dbpass` and `sshpass` are.
    let known = *end != "pass"
        || ["db", "ssh", "mysql", "pg", "user", "smtp", "redis", "root"].contains(&&word[..word.len() - 4]);
    known.then_some((*named, 1))
}

fn own_name(words: &[&str], own: &[Vec<String>]) -> Option<Named> {
    let is = |name: &Vec<String>| {
        name.len() == words.len() && name.iter().zip(words).all(|(own, word)| own == word)
    };
    own.iter().any(is).then_some(Named::new("secret", Kind::Password))
}

/// A name taken apart.
pub(super) struct Words {
    lower: String,
    ends: Vec<usize>,
}

impl Words {
    /// Takes a name apart, at everything that is no letter or digit, and where small letters become large.
    pub(super) fn of(name: &str) -> Words {
        let mut lower = String::with_capacity(name.len());
        let mut ends = Vec::new();
        let bytes = name.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            if !byte.is_ascii_alphanumeric() {
                close(&lower, &mut ends);
                continue;
            }
            let before = at.checked_sub(1).map(|before| bytes[before]);
            let after = bytes.get(at + 1);
            let begins = byte.is_ascii_uppercase()
                && (before.is_some_and(|before| !before.is_ascii_uppercase())
                    || after.is_some_and(u8::is_ascii_lowercase));
            if begins {
                close(&lower, &mut ends);
            }
            lower.push(byte.to_ascii_lowercase().into());
        }
        close(&lower, &mut ends);
        Words { lower, ends }
    }

    /// The last words.
    pub(super) fn list(&self) -> Vec<&str> {
        let skipped = self.ends.len().saturating_sub(WORDS_MAX);
        let mut start = if skipped == 0 { 0 } else { self.ends[skipped - 1] };
        let word = |end: &usize| {
            let word = &self.lower[start..*end];
            start = *end;
            word
        };
        self.ends[skipped..].iter().map(word).collect()
    }
}

fn close(lower: &str, ends: &mut Vec<usize>) {
    if ends.last().copied().unwrap_or(0) < lower.len() {
        ends.push(lower.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> Option<&'static str> {
        secret(name, &[]).map(|named| named.rule)
    }

    #[test]
    fn words_are_found_in_every_case() {
        for (name, words) in [
            ("clientSecret", "client secret"),
            ("CLIENT_SECRET", "client secret"),
            ("Client-Secret", "client secret"),
            ("spring.datasource.password", "spring datasource password"),
            ("APIKey", "api key"),
            ("X-API-KEY", "x api key"),
            ("oauth2Token", "oauth2 token"),
            ("__x__", "x"),
            ("", ""),
        ] {
            assert_eq!(Words::of(name).list().join(" "), words, "{name}");
        }
    }

    /// A name that the filter lets pass would never be asked for.
    #[test]
    fn the_filter_holds_every_name_up() {
        let mut names: Vec<Vec<&str>> = Vec::new();
        names.extend(WORDS.iter().flat_map(|(words, _)| words.iter().map(|word| vec![*word])));
        names.extend(ENDS.iter().map(|(end, _)| vec![*end]));
        for (firsts, seconds, _) in PAIRS {
            names.extend(
                firsts.iter().flat_map(|first| seconds.iter().map(move |second| vec![*first, *second])),
            );
        }
        let title = |word: &str| word[..1].to_uppercase() + &word[1..];
        for words in names.iter().filter(|words| !["sig", "signature"].contains(&words[0])) {
            let titles: Vec<String> = words.iter().map(|word| title(word)).collect();
            let camel = words[0].to_owned() + &titles[1..].concat();
            let forms = [
                words.join("_"),
                words.join("-"),
                titles.concat(),
                camel,
                titles.join("-"),
                words.join("_").to_uppercase(),
                words.join("-").to_uppercase(),
            ];
            for form in forms {
                // As it stands in JSON.
                let held = super::super::gram::next_suspect(format!("\"{form}\"").as_bytes(), 0, 0).is_some();
                assert!(held && secret(&form, &[]).is_some(), "{form}");
            }
        }
    }

    #[test]
    fn names_of_secrets_are_told() {
        for (name, expected) in [
            ("password", "password"),
            ("userPassword", "password"),
            ("PGPASSWORD", "password"),
            ("MYSQL_PWD", "password"),
            ("password_hash", "password"),
            ("new-password", "password"),
            ("password_foo", "password"),
            ("db_pass", "password"),
            ("token", "token"),
            ("accessToken", "token"),
            ("refresh_tokens", "token"),
            ("ID_TOKEN", "token"),
            ("authtoken", "token"),
            ("client_secret", "secret"),
            ("clientsecret", "secret"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
            ("aws_session_token", "token"),
            ("private_key", "private-key"),
            ("privateKeyPem", "private-key"),
            ("Authorization", "authorization"),
            ("proxy-authorization", "authorization"),
            ("Set-Cookie", "cookie"),
            ("X-Api-Key", "api-key"),
            ("apikey", "api-key"),
            ("session_key", "key"),
            ("credentials", "credential"),
            ("AccountKey", "key"),
            ("SharedAccessKey", "key"),
            ("reset_password_token", "token"),
            ("cvv", "card-code"),
        ] {
            assert_eq!(rule(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn names_of_other_things_are_not() {
        for name in [
            "token_count",
            "max_tokens",
            "tokens",
            "total_tokens",
            "tokenizer",
            "token_type",
            "next_token",
            "next_page_token",
            "key",
            "keys",
            "public_key",
            "primary_key",
            "cache_key",
            "access_key_id",
            "key_id",
            "keyboard",
            "private_key_id",
            "password_policy",
            "password_changed_at",
            "has_password",
            "secret_name",
            "secret_version",
            "cookie_domain",
            "session_id",
            "author",
            "pass_rate",
            "bypass",
            "compass",
            "passed",
            "api_version",
            "authority",
            "publicKey",
            "tokensUsed",
            "private_key_path",
            "secretary",
            "credential_id",
            "token_expires_in_seconds",
            "",
            "_",
        ] {
            let named = secret(name, &[]);
            assert!(named.is_none_or(|named| named.kind == Kind::Query), "{name}: {named:?}");
        }
    }

    #[test]
    fn own_names_count_in_every_case() {
        let own = [Words::of("tax_number").list().into_iter().map(str::to_owned).collect()];
        assert!(secret("taxNumber", &own).is_some() && secret("TAX-NUMBER", &own).is_some());
        assert!(secret("tax_number_count", &own).is_none());
    }
}
