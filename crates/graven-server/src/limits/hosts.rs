//! For which hosts the server answers: its own addresses and names, and no others.
//!
//! A page of an attacker can make its own name lead to the address of this server (DNS rebinding), and then a browser
//! inside the network sends that page's requests here. Their `Host` is the attacker's name, by which they are refused.

use std::net::IpAddr;

use super::Refusal;

/// The most characters of a wrong name that are repeated.
const SHOWN_MAX: usize = 80;

/// The hosts for which the server answers.
#[derive(Debug, Clone)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Besides loopback names and addresses these, in lower case and without a port.
    pub fn new(names: &[String]) -> Hosts {
        Hosts(names.to_vec())
    }

    /// Whether a request for this host is for this server. `host` is a name or an address, with or without a port.
    ///
    /// An address is always good: a browser sends it only to that address.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongHost`]
    pub fn check(&self, host: &str) -> Result<(), Refusal> {
        let name = without_port(host);
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if bare.unwrap_or(name).parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_loopback = name == "localhost" || name.ends_with(".localhost");
        if is_loopback || self.0.contains(&name) {
            return Ok(());
        }
        Err(Refusal::WrongHost(host.chars().take(SHOWN_MAX).collect()))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not the end of an IPv6 address.
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_and_addresses_are_answered() {
        let hosts = Hosts::new(&["audit.example.com".to_owned()]);
        for good in [
            "127.0.0.1:4728",
            "127.0.0.1",
            "[::1]:4728",
            "[::1]",
            "::1",
            "192.0.2.1:80",
            "localhost",
            "LOCALHOST:4728",
            "graven.localhost:1",
            "audit.example.com",
            "Audit.Example.com:443",
            "audit.example.com.",
        ] {
            assert_eq!(hosts.check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:4728",
            "audit.example.com.evil.example",
            "127.0.0.1.evil.example",
            "xlocalhost",
            "localhost.evil.example",
            "[::1",
            "evil.example#audit.example.com",
            "user@audit.example.com",
            "audit.example.com:x",
            "127.0.0.1:4728:80",
        ] {
            assert!(hosts.check(bad).is_err(), "{bad}");
        }
    }
}
