//! The table of all settings: from it come what is read, `graven config`, and the table in docs/SERVER.md.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use graven::Category;
use jsonwebtoken::Algorithm;

use super::row::Row;
use super::{Settings, size, time, value};
use crate::auth::Role;
use crate::name::TrailName;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MILLION: u64 = 1_000_000;

/// A row for a limit: a field of `Limits`, how its text is read, and how it is shown.
macro_rules! limit {
    ($field:ident, $default:literal, $limits:literal, $meaning:literal, $read:expr, $show:expr) => {
        Row {
            key: concat!("limits.", stringify!($field)),
            flag: None,
            default: Some($default),
            limits: $limits,
            meaning: $meaning,
            set: |settings, items| {
                settings.limits.$field = $read(items)?;
                Ok(())
            },
            show: |settings| vec![$show(settings.limits.$field)],
        }
    };
}

/// A row for a file that need not be given: a field of the table of settings that it belongs to.
macro_rules! file {
    ($key:literal, $table:ident.$field:ident, $meaning:literal) => {
        Row {
            key: $key,
            flag: None,
            default: Some(value::NONE),
            limits: "none, or a file in PEM",
            meaning: $meaning,
            set: |settings, items| {
                settings.$table.$field = value::file_or_none(items)?;
                Ok(())
            },
            show: |settings| vec![value::shown_file(settings.$table.$field.as_deref())],
        }
    };
}

/// A row for a text that need not be given, or that has a default.
macro_rules! text {
    ($key:literal, $table:ident.$field:ident, $default:expr, $limits:literal, $meaning:literal, $read:expr, $show:expr) => {
        Row {
            key: $key,
            flag: None,
            default: $default,
            limits: $limits,
            meaning: $meaning,
            set: |settings, items| {
                settings.$table.$field = $read(items)?;
                Ok(())
            },
            show: |settings| $show(&settings.$table.$field),
        }
    };
}

/// The row of a key.
pub(super) fn find(key: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.key == key)
}

/// All settings.
pub const ROWS: &[Row] = &[
    Row {
        key: "data",
        flag: Some("--data"),
        default: Some("./graven-data"),
        limits: "a folder, which is made when it is not there",
        meaning: "Keep tokens and trails in this folder",
        set: |settings, items| {
            settings.data = crate::data::DataFolder::new(value::folder(items)?);
            Ok(())
        },
        show: |settings| vec![settings.data.path().display().to_string()],
    },
    Row {
        key: "listen",
        flag: Some("--listen"),
        default: Some("127.0.0.1:4728"),
        limits: "an address and a port, of which 0 takes a free one, or unix:PATH",
        meaning: "Listen on this address, or on a Unix socket",
        set: |settings, items| {
            settings.listen = value::listen(items)?;
            Ok(())
        },
        show: |settings| vec![settings.listen.to_string()],
    },
    Row {
        key: "trails",
        flag: Some("--trail"),
        default: None,
        limits: "a list of NAME=DIR; in the file a table",
        meaning: "Serve the trail in DIR, which may lie anywhere, under NAME",
        set: |settings, items| {
            settings.trails.extend(value::trails(items, false)?);
            Ok(())
        },
        show: |settings| shown_trails(settings, false),
    },
    Row {
        key: "read",
        flag: Some("--read"),
        default: None,
        limits: "a list of NAME=DIR; in the file a table",
        meaning: "Serve the trail in DIR under NAME, and never record to it",
        set: |settings, items| {
            settings.trails.extend(value::trails(items, true)?);
            Ok(())
        },
        show: |settings| shown_trails(settings, true),
    },
    Row {
        key: "hosts",
        flag: Some("--host"),
        default: None,
        limits: "a list of names without a port",
        meaning: "Answer also requests for this host; loopback names and addresses are always answered",
        set: |settings, items| {
            settings.hosts = value::hosts(items)?;
            Ok(())
        },
        show: |settings| settings.hosts.clone(),
    },
    Row {
        key: "proxies",
        flag: Some("--proxy"),
        default: None,
        limits: "a list of addresses and networks",
        meaning: "Believe what this proxy says in X-Forwarded-For of the client's address",
        set: |settings, items| {
            settings.proxies = value::networks(items)?;
            Ok(())
        },
        show: |settings| settings.proxies.clone(),
    },
    Row {
        key: "insecure",
        flag: Some("--insecure"),
        default: Some("false"),
        limits: "true or false",
        meaning: "Listen off loopback without TLS, because a proxy with TLS stands before the server",
        set: |settings, items| {
            settings.insecure = value::yes_or_no(items)?;
            Ok(())
        },
        show: |settings| vec![settings.insecure.to_string()],
    },
    Row {
        key: "demo",
        flag: Some("--demo"),
        default: Some("false"),
        limits: "true or false",
        meaning: "Fill a trail `demo` with an hour of an agent server, and go on at 5 entries a second",
        set: |settings, items| {
            settings.demo = value::yes_or_no(items)?;
            Ok(())
        },
        show: |settings| vec![settings.demo.to_string()],
    },
    Row {
        key: "verify.every",
        flag: None,
        default: Some("off"),
        limits: "off, or at least 1m",
        meaning: "Verify each trail this often",
        set: |settings, items| {
            settings.verify_every = value::period_or_off(items, MINUTE)?;
            Ok(())
        },
        show: |settings| vec![settings.verify_every.map_or("off".to_owned(), time::show)],
    },
    text!(
        "archive.url",
        archive.url,
        Some(value::NONE),
        "none, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER",
        "Ship each trail that is recorded to this address, behind which its name stands",
        value::archive_or_none,
        value::shown_text
    ),
    text!(
        "archive.required",
        archive.required,
        Some("false"),
        "true or false",
        "Refuse entries of a trail that is not shipped any more, because another writer has it there",
        value::yes_or_no,
        |is: &bool| vec![is.to_string()]
    ),
    text!(
        "archive.required_for",
        archive.required_for,
        None,
        "a list of categories",
        "Answer entries of these categories when they are in the archive",
        value::categories,
        |categories: &Vec<Category>| categories.iter().map(Category::to_string).collect()
    ),
    text!(
        "archive.every",
        archive.every,
        Some("1s"),
        "100ms to 1h",
        "Ship what is new this often; at once when somebody waits for it, or when it has a MiB",
        |items: &[String]| value::period(items, SECOND / 10, HOUR),
        |every: &Duration| vec![time::show(*every)]
    ),
    text!(
        "archive.gc",
        archive.gc,
        Some("false"),
        "true or false",
        "Remove objects of the tail from the archive when a closed segment has their entries",
        value::yes_or_no,
        |is: &bool| vec![is.to_string()]
    ),
    text!(
        "archive.name",
        archive.name,
        Some(value::NONE),
        "none for the name of the machine, or a text of at most 128 bytes",
        "Call this server so in the archive",
        value::name_or_none,
        value::shown_text
    ),
    file!(
        "tls.cert_file",
        tls.cert_file,
        "Serve over TLS with the certificate in this file, behind which its intermediates stand"
    ),
    file!("tls.key_file", tls.key_file, "Read the private key of that certificate from this file"),
    file!(
        "tls.client_ca_file",
        tls.client_ca_file,
        "Let clients log in by certificates of the authorities in this file"
    ),
    file!(
        "tls.client_crl_file",
        tls.client_crl_file,
        "Refuse certificates of clients that the lists in this file revoke; each authority needs a list"
    ),
    Row {
        key: "tls.client_required",
        flag: None,
        default: Some("false"),
        limits: "true or false",
        meaning: "Refuse connections without a certificate of the client",
        set: |settings, items| {
            settings.tls.client_required = value::yes_or_no(items)?;
            Ok(())
        },
        show: |settings| vec![settings.tls.client_required.to_string()],
    },
    text!(
        "tls.clients",
        tls.clients,
        None,
        "a list of NAME=ROLE or NAME=ROLE:TRAIL+TRAIL; in the file a table",
        "Give this role to the client whose certificate has this name",
        value::grants,
        value::shown_grants
    ),
    text!(
        "socket.mode",
        socket.mode,
        Some("0660"),
        "an octal number",
        "Give a Unix socket these permissions",
        value::mode,
        |mode: &u32| vec![format!("{mode:04o}")]
    ),
    text!(
        "socket.group",
        socket.group,
        Some(value::NONE),
        "none, a number, or a name in /etc/group",
        "Give a Unix socket to this group",
        value::group,
        |group: &Option<u32>| vec![group.map_or(value::NONE.to_owned(), |group| group.to_string())]
    ),
    text!(
        "socket.role",
        socket.role,
        Some("writer"),
        "none, writer, reader, auditor or admin",
        "Give this role to programs at a Unix socket that send no token",
        value::role_or_none,
        |role: &Option<Role>| vec![role.map_or(value::NONE, Role::as_str).to_owned()]
    ),
    text!(
        "jwt.jwks_url",
        jwt.jwks_url,
        Some(value::NONE),
        "none, or an address with https://; on loopback also http://",
        "Let JWTs log in whose keys are at this address",
        value::url_or_none,
        value::shown_text
    ),
    file!(
        "jwt.ca_file",
        jwt.ca_file,
        "Trust the authorities in this file for that address, and not those of the web"
    ),
    text!(
        "jwt.issuer",
        jwt.issuer,
        Some(value::NONE),
        "none, or a text",
        "Take only JWTs with this claim `iss`",
        value::text_or_none,
        value::shown_text
    ),
    text!(
        "jwt.audience",
        jwt.audience,
        Some(value::NONE),
        "none, or a text",
        "Take only JWTs that have this in their claim `aud`",
        value::text_or_none,
        value::shown_text
    ),
    text!(
        "jwt.algorithms",
        jwt.algorithms,
        None,
        "a list of ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512 and EdDSA",
        "Take only JWTs that are signed with one of these algorithms",
        value::algorithms,
        |algorithms: &Vec<Algorithm>| algorithms.iter().map(|one| format!("{one:?}")).collect()
    ),
    text!(
        "jwt.name_claim",
        jwt.name_claim,
        Some("sub"),
        "the name of a claim; dots lead into objects",
        "Take the name of a JWT's holder from this claim",
        |items: &[String]| value::one(items).map(str::to_owned),
        |name: &String| vec![name.clone()]
    ),
    text!(
        "jwt.role_claim",
        jwt.role_claim,
        Some("roles"),
        "the name of a claim; dots lead into objects",
        "Look in this claim, a text or a list, for what gives a role",
        |items: &[String]| value::one(items).map(str::to_owned),
        |name: &String| vec![name.clone()]
    ),
    text!(
        "jwt.roles",
        jwt.roles,
        None,
        "a list of NAME=ROLE or NAME=ROLE:TRAIL+TRAIL; in the file a table",
        "Give this role to the holder of a JWT that has NAME in that claim",
        value::grants,
        value::shown_grants
    ),
    text!(
        "otlp.grpc_listen",
        otlp.grpc_listen,
        Some(value::NONE),
        "none, or an address and a port, of which 0 takes a free one",
        "Listen on this address for OTLP over gRPC",
        value::address_or_none,
        |address: &Option<SocketAddr>| vec![
            address.map_or(value::NONE.to_owned(), |address| address.to_string())
        ]
    ),
    text!(
        "otlp.trail",
        otlp.trail,
        Some("main"),
        "the name of a trail that is served",
        "Record to this trail what comes to /v1/logs, /v1/traces and by gRPC with a token that is not for exactly one",
        value::trail,
        |trail: &TrailName| vec![trail.to_string()]
    ),
    limit!(
        body_bytes,
        "64MiB",
        "64KiB to 1GiB",
        "Take bodies of at most this length",
        |items: &[String]| value::bytes(items, 64 * KIB, GIB),
        size::show
    ),
    limit!(
        bodies_bytes,
        "256MiB",
        "1MiB to 64GiB",
        "Keep at most this much of all bodies in memory at a time",
        |items: &[String]| value::bytes(items, MIB, 64 * GIB),
        size::show
    ),
    limit!(
        header_bytes,
        "16KiB",
        "8KiB to 1MiB",
        "Take heads of requests of at most this length",
        |items: &[String]| value::bytes(items, 8 * KIB, MIB),
        size::show
    ),
    limit!(
        header_time,
        "10s",
        "1s to 10m",
        "Close a connection when the head of a request is not complete after this time, or when it is idle",
        |items: &[String]| value::period(items, SECOND, 10 * MINUTE),
        time::show
    ),
    limit!(
        body_pause,
        "10s",
        "1s to 10m",
        "Give a request up when no part of its body comes for this time",
        |items: &[String]| value::period(items, SECOND, 10 * MINUTE),
        time::show
    ),
    limit!(
        answer_pause,
        "1m",
        "1s to 1h",
        "Close a connection when its client takes no part of an answer for this time",
        |items: &[String]| value::period(items, SECOND, HOUR),
        time::show
    ),
    limit!(
        connections,
        "4096",
        "16 to 1,000,000",
        "Have at most this number of connections",
        |items: &[String]| value::count(items, 16, MILLION),
        shown
    ),
    limit!(
        connections_per_address,
        "1024",
        "1 to 1,000,000",
        "Have at most this number of connections from one address",
        |items: &[String]| value::count(items, 1, MILLION),
        shown
    ),
    limit!(
        handshakes,
        "512",
        "1 to 100,000",
        "Have at most this number of TLS handshakes at a time",
        |items: &[String]| value::count(items, 1, 100_000),
        shown
    ),
    limit!(
        handshakes_per_address,
        "128",
        "1 to 100,000",
        "Have at most this number of TLS handshakes with one address at a time",
        |items: &[String]| value::count(items, 1, 100_000),
        shown
    ),
    limit!(
        handshake_time,
        "10s",
        "1s to 10m",
        "Close a connection when its TLS handshake is not complete after this time",
        |items: &[String]| value::period(items, SECOND, 10 * MINUTE),
        time::show
    ),
    limit!(
        requests,
        "1024",
        "16 to 100,000",
        "Answer at most this number of requests at a time",
        |items: &[String]| value::count(items, 16, 100_000),
        shown
    ),
    limit!(
        requests_per_token,
        "256",
        "1 to 100,000",
        "Answer at most this number of requests of one token at a time",
        |items: &[String]| value::count(items, 1, 100_000),
        shown
    ),
    limit!(
        rate_per_token,
        "10000",
        "1 to 1,000,000",
        "Take at most this number of requests a second of one token",
        |items: &[String]| value::count(items, 1, MILLION),
        shown
    ),
    limit!(
        rate_per_address,
        "10000",
        "1 to 1,000,000",
        "Take at most this number of requests a second of one address",
        |items: &[String]| value::count(items, 1, MILLION),
        shown
    ),
    limit!(
        refused_logins,
        "60",
        "1 to 100,000",
        "Answer at most this number of refused logins a minute of one address with 401, and further ones with 429",
        |items: &[String]| value::count(items, 1, 100_000),
        shown
    ),
    limit!(
        streams,
        "1024",
        "1 to 100,000",
        "Have at most this number of streams",
        |items: &[String]| value::count(items, 1, 100_000),
        shown
    ),
    limit!(
        streams_per_token,
        "256",
        "1 to 100,000",
        "Have at most this number of streams of one token",
        |items: &[String]| value::count(items, 1, 100_000),
        shown
    ),
    limit!(
        searches,
        "8",
        "1 to 1,000",
        "Run at most this number of searches at a time",
        |items: &[String]| value::count(items, 1, 1_000),
        shown
    ),
    limit!(
        search_time,
        "30s",
        "100ms to 1h",
        "End a search after this time, and say how far it came",
        |items: &[String]| value::period(items, SECOND / 10, HOUR),
        time::show
    ),
];

fn shown(number: u64) -> String {
    number.to_string()
}

fn shown_trails(settings: &Settings, read_only: bool) -> Vec<String> {
    let trails = settings.trails.iter().filter(|trail| trail.read_only == read_only);
    trails.map(|trail| format!("{}={}", trail.name, trail.dir.display())).collect()
}

impl Settings {
    /// The settings that are not as by default, by their keys.
    pub fn changed(&self) -> BTreeMap<&'static str, Vec<String>> {
        let shown = ROWS.iter().map(|row| (row.key, row.default, (row.show)(self)));
        let changed = shown.filter(|(_, default, items)| !items.iter().map(String::as_str).eq(*default));
        changed.map(|(key, _, items)| (key, items)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_settings_have_one_name() {
        let keys: BTreeSet<_> = ROWS.iter().map(|row| row.key).collect();
        let variables: BTreeSet<_> = ROWS.iter().map(Row::variable).collect();
        let flags: BTreeSet<_> = ROWS.iter().filter_map(|row| row.flag).collect();
        assert_eq!((keys.len(), variables.len()), (ROWS.len(), ROWS.len()));
        assert_eq!(flags.len(), ROWS.iter().filter(|row| row.flag.is_some()).count());
        // These two mean something else.
        assert!(!variables.contains("GRAVEN_TOKEN") && !variables.contains("GRAVEN_CONFIG"));
    }
}
