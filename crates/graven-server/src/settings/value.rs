//! How the text of a setting becomes its value, and how a value is shown.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Uri;
use graven::Category;
use graven::disk::OsDisk;
use graven::durable;
use graven_tower::TrustedProxies;
use jsonwebtoken::{Algorithm, AlgorithmFamily};

use super::listen::UNIX;
use super::{Listen, TrailSetting, size, time};
use crate::auth::{BadRole, Grant, Role};
use crate::name::{BadTrailName, TrailName};

/// The only item of a setting that is no list.
pub(super) fn one(items: &[String]) -> Result<&str, String> {
    match items {
        [one] if !one.is_empty() => Ok(one),
        [_] => Err("it is empty".to_owned()),
        _ => Err(format!("it takes one value, not {}", items.len())),
    }
}

pub(super) fn folder(items: &[String]) -> Result<PathBuf, String> {
    one(items).map(PathBuf::from)
}

/// The file with the groups of this machine.
const GROUPS: &str = "/etc/group";

/// How a file is written that is not given.
pub(super) const NONE: &str = "none";

/// A file, or none.
pub(super) fn file_or_none(items: &[String]) -> Result<Option<PathBuf>, String> {
    let text = one(items)?;
    Ok((text != NONE).then(|| PathBuf::from(text)))
}

pub(super) fn shown_file(file: Option<&Path>) -> String {
    file.map_or_else(|| NONE.to_owned(), |file| file.display().to_string())
}

pub(super) fn yes_or_no(items: &[String]) -> Result<bool, String> {
    match one(items)? {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}

pub(super) fn count(items: &[String], least: u64, most: u64) -> Result<u64, String> {
    let text = one(items)?;
    let number = text.parse().map_err(|_| format!("{text:?} is no whole number"))?;
    within(number, least, most, u64::to_string)
}

pub(super) fn bytes(items: &[String], least: u64, most: u64) -> Result<u64, String> {
    within(size::parse(one(items)?)?, least, most, |bytes| size::show(*bytes))
}

pub(super) fn period(items: &[String], least: Duration, most: Duration) -> Result<Duration, String> {
    within(time::period(one(items)?)?, least, most, |period| time::show(*period))
}

/// A period, or `off`.
pub(super) fn period_or_off(items: &[String], least: Duration) -> Result<Option<Duration>, String> {
    if one(items)? == "off" { Ok(None) } else { period(items, least, Duration::MAX).map(Some) }
}

fn within<T: PartialOrd>(value: T, least: T, most: T, show: fn(&T) -> String) -> Result<T, String> {
    if value < least {
        return Err(format!("{} is too small: at least {}", show(&value), show(&least)));
    }
    if value > most {
        return Err(format!("{} is too large: at most {}", show(&value), show(&most)));
    }
    Ok(value)
}

/// An address with its port, or a Unix socket. `localhost` is 127.0.0.1.
pub(super) fn listen(items: &[String]) -> Result<Listen, String> {
    let text = one(items)?;
    if let Some(path) = text.strip_prefix(UNIX) {
        return if path.is_empty() {
            Err("the path of the Unix socket is missing".to_owned())
        } else {
            Ok(Listen::Unix(path.into()))
        };
    }
    address(text).map(Listen::Tcp)
}

/// An address with its port. `localhost` is 127.0.0.1.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse()
        .map_err(|_| format!("{text:?} is no address with a port: write it as 127.0.0.1:4728 or [::1]:4728"))
}

/// An address with its port, or none.
pub(super) fn address_or_none(items: &[String]) -> Result<Option<SocketAddr>, String> {
    let text = one(items)?;
    if text == NONE { Ok(None) } else { address(text).map(Some) }
}

/// The name of a trail.
pub(super) fn trail(items: &[String]) -> Result<TrailName, String> {
    one(items)?.parse().map_err(|error: BadTrailName| error.to_string())
}

/// Trails, each as NAME=DIR.
pub(super) fn trails(items: &[String], read_only: bool) -> Result<Vec<TrailSetting>, String> {
    let trail = |item: &String| {
        let wrong = || format!("{item:?} is no trail: write it as NAME=DIR");
        let (name, dir) = item.split_once('=').ok_or_else(wrong)?;
        let name = name.parse::<TrailName>().map_err(|error| error.to_string())?;
        if dir.is_empty() { Err(wrong()) } else { Ok(TrailSetting { name, dir: dir.into(), read_only }) }
    };
    items.iter().map(trail).collect()
}

/// Rows that give somebody a role. No two are for one name.
pub(super) fn grants(items: &[String]) -> Result<Vec<Grant>, String> {
    let mut rows: Vec<Grant> = Vec::with_capacity(items.len());
    for item in items {
        let row: Grant = item.parse()?;
        if rows.iter().any(|other| other.name == row.name) {
            return Err(format!("{:?} has two roles", row.name));
        }
        rows.push(row);
    }
    Ok(rows)
}

pub(super) fn shown_grants(rows: &[Grant]) -> Vec<String> {
    rows.iter().map(Grant::to_string).collect()
}

/// A text, or none.
pub(super) fn text_or_none(items: &[String]) -> Result<Option<String>, String> {
    let text = one(items)?;
    Ok((text != NONE).then(|| text.to_owned()))
}

pub(super) fn shown_text(text: &Option<String>) -> Vec<String> {
    vec![text.clone().unwrap_or_else(|| NONE.to_owned())]
}

/// The address of an archive, or none. A build that ships nothing takes any text: a rule says that it is of no use there.
pub(super) fn archive_or_none(items: &[String]) -> Result<Option<String>, String> {
    let Some(text) = text_or_none(items)? else { return Ok(None) };
    #[cfg(feature = "archive")]
    let text = graven_archive::Address::parse(&text).map_err(|error| error.to_string())?.to_string();
    Ok(Some(text))
}

/// Categories of clients' entries.
pub(super) fn categories(items: &[String]) -> Result<Vec<Category>, String> {
    let category = |item: &String| match item.parse::<Category>() {
        Ok(Category::Trail) => Err("entries of the category trail are none of clients".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    };
    items.iter().map(category).collect()
}

/// What a server calls itself, or none.
pub(super) fn name_or_none(items: &[String]) -> Result<Option<String>, String> {
    let name = text_or_none(items)?;
    match &name {
        Some(name) if name.len() > 128 || name.chars().any(char::is_control) => {
            Err("it has more than 128 bytes, or characters that cannot be shown".to_owned())
        }
        _ => Ok(name),
    }
}

/// An address of the web, or none. What is fetched there decides who gets in, so nobody on the way may change it.
pub(super) fn url_or_none(items: &[String]) -> Result<Option<String>, String> {
    let Some(text) = text_or_none(items)? else { return Ok(None) };
    let wrong = || format!("{text:?} is no address with https://, or with http:// on loopback");
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let host = url.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost"
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    match url.scheme_str() {
        Some("https") if !host.is_empty() => Ok(Some(text)),
        Some("http") if is_here => Ok(Some(text)),
        _ => Err(wrong()),
    }
}

/// Algorithms of signatures with a public key.
pub(super) fn algorithms(items: &[String]) -> Result<Vec<Algorithm>, String> {
    let algorithm = |item: &String| match item.parse::<Algorithm>() {
        Ok(known) if known.family() != AlgorithmFamily::Hmac => Ok(known),
        Ok(_) => Err(format!("{item} needs a secret, and an issuer shows its keys to everybody")),
        Err(_) => Err(format!("{item:?} is no algorithm that is known here, such as ES256 or RS256")),
    };
    items.iter().map(algorithm).collect()
}

/// Permissions, as `chmod` takes them.
pub(super) fn mode(items: &[String]) -> Result<u32, String> {
    let text = one(items)?;
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| format!("{text:?} is no octal number up to 0777, such as 0660"))
}

/// A group of this machine, or none.
pub(super) fn group(items: &[String]) -> Result<Option<u32>, String> {
    let text = one(items)?;
    if text == NONE {
        return Ok(None);
    }
    if let Ok(number) = text.parse() {
        return Ok(Some(number));
    }
    let groups =
        durable::read_file(&OsDisk, Path::new(GROUPS)).map_err(|error| format!("{GROUPS}: {error}"))?;
    let groups = String::from_utf8_lossy(&groups);
    let number = groups.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next()? == text).then(|| parts.nth(1)?.parse().ok()).flatten()
    });
    number.map(Some).ok_or_else(|| format!("{GROUPS} has no group {text:?}"))
}

pub(super) fn role_or_none(items: &[String]) -> Result<Option<Role>, String> {
    let text = one(items)?;
    if text == NONE { Ok(None) } else { text.parse().map(Some).map_err(|error: BadRole| error.to_string()) }
}

/// Names of hosts.
pub(super) fn hosts(items: &[String]) -> Result<Vec<String>, String> {
    let host = |item: &String| {
        let name = item.to_ascii_lowercase();
        let is_name = !name.is_empty()
            && name.len() <= 253
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        let wrong =
            || format!("{item:?} is no name of a host: write it without a port, such as audit.example.com");
        if is_name { Ok(name) } else { Err(wrong()) }
    };
    items.iter().map(host).collect()
}

/// Networks of proxies.
pub(super) fn networks(items: &[String]) -> Result<Vec<String>, String> {
    TrustedProxies::x_forwarded_for(items).map_err(|error| error.to_string())?;
    Ok(items.to_vec())
}
