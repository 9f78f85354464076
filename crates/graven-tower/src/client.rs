//! Who is on the other end: the address of the client, behind proxies only as far as these are trusted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

/// The address at the other end of the connection, for a server that puts it into its requests' extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The proxies that are trusted to say the client's address, and the one header in which they say it.
///
/// The list in the header is read from its end. Each address there was added by the hop behind it, so it is believed
/// only while that hop is in a trusted network. What a client wrote there itself is never read. Only one header is
/// read, because a proxy that adds to one leaves the other as the client sent it.
///
/// ```
/// use graven_tower::TrustedProxies;
///
/// let proxies = TrustedProxies::x_forwarded_for(["10.0.0.0/8", "::1"])?;
/// # Ok::<(), graven_tower::BadNetwork>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    header: HeaderName,
}

/// Text that names no network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadNetwork(String);

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a network: write an address, or an address and its prefix as in 10.0.0.0/8",
            self.0
        )
    }
}

impl std::error::Error for BadNetwork {}

impl TrustedProxies {
    /// Proxies in these networks, which add to `X-Forwarded-For`.
    ///
    /// # Errors
    /// One of them is neither an address nor an address with its prefix.
    pub fn x_forwarded_for<N: AsRef<str>>(
        networks: impl IntoIterator<Item = N>,
    ) -> Result<TrustedProxies, BadNetwork> {
        TrustedProxies::new(networks, HeaderName::from_static("x-forwarded-for"))
    }

    /// Proxies in these networks, which add to `Forwarded` (RFC 7239).
    ///
    /// # Errors
    /// As [`x_forwarded_for`](TrustedProxies::x_forwarded_for).
    pub fn forwarded<N: AsRef<str>>(
        networks: impl IntoIterator<Item = N>,
    ) -> Result<TrustedProxies, BadNetwork> {
        TrustedProxies::new(networks, FORWARDED)
    }

    fn new<N: AsRef<str>>(
        networks: impl IntoIterator<Item = N>,
        header: HeaderName,
    ) -> Result<TrustedProxies, BadNetwork> {
        let networks = networks.into_iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>()?;
        Ok(TrustedProxies { networks, header })
    }

    /// The client behind this peer: the last address in the list that no trusted proxy has.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let values = headers.get_all(&self.header).iter().rev();
        for hop in values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b',')) {
            if !self.trusts(client) {
                break;
            }
            let told = std::str::from_utf8(hop).ok().and_then(|hop| self.address(hop.trim()));
            // A trusted proxy that does not know, or hides, its client: then it is the last address known.
            let Some(told) = told else { break };
            client = told;
        }
        client
    }

    /// Whether a proxy with this address is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// The address in one element of the list.
    fn address(&self, element: &str) -> Option<IpAddr> {
        if self.header != FORWARDED {
            return address(element);
        }
        let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
        address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
    }
}

/// The bits of an IPv6 address that name a client: one customer has all addresses behind them.
const IPV6_PREFIX: u32 = 64;

/// What stands for a client when clients are counted: its address, or the network of 64 bits around an IPv6 address, because
/// one customer has all addresses in it.
pub fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> IPV6_PREFIX)).into(),
        v4 => v4,
    }
}

/// `192.0.2.1`, `2001:db8::1`, and both with a port, as proxies write them.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address: Option<IpAddr> = bare.parse().ok();
    address
        .or_else(|| text.parse::<SocketAddr>().ok().map(|peer| peer.ip()))
        .map(|found| found.to_canonical())
}

/// A network: an address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let differing = ours.to_bits() ^ other.to_bits();
                differing.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let differing = ours.to_bits() ^ other.to_bits();
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Network, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.parse().map_err(|_| bad()))?;
        if prefix > bits {
            return Err(bad());
        }
        Ok(Network { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(proxies: &TrustedProxies, peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(proxies.header.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_list_is_believed_from_its_end_and_only_through_trusted_hops() {
        let proxies = TrustedProxies::x_forwarded_for(["10.0.0.0/8", "fd00::/8"]).unwrap();
        let cases: [(&str, &[&str], &str); 10] = [
            // Nobody trusted: the header is the client's own invention.
            ("203.0.113.9", &["10.0.0.1, 198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What the client wrote in front of itself stays unread.
            ("10.0.0.1", &["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            // All of them ours: the first is the client.
            ("10.0.0.1", &["10.9.9.9, 10.0.0.2"], "10.9.9.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("fd00::1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["198.51.100.1:443"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, é"], "10.0.0.1"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(client(&proxies, peer, lines), expected, "{peer} with {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        let proxies = TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap();
        let cases: [(&[&str], &str); 5] = [
            (&["for=198.51.100.1;proto=https"], "198.51.100.1"),
            (&["by=10.0.0.1;For=\"[2001:db8::7]:80\""], "2001:db8::7"),
            (&["for=1.1.1.1, for=198.51.100.2;proto=http"], "198.51.100.2"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["proto=https"], "10.0.0.1"),
        ];
        for (lines, expected) in cases {
            assert_eq!(client(&proxies, "10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn networks_are_checked() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "x", "10.0.0.0/-1"] {
            assert!(TrustedProxies::x_forwarded_for([text]).is_err(), "{text}");
        }
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        let one: Network = "::1".parse().unwrap();
        assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
    }
}
