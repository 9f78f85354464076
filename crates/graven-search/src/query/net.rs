//! Networks: `10.0.0.0/8` and `2001:db8::/32`.

use std::fmt;
use std::net::IpAddr;

/// A network: all addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Net {
    /// With zeros behind the bits of the network.
    address: IpAddr,
    bits: u8,
}

impl Net {
    /// Reads an address, a slash and a number of bits. What the address says behind these bits is ignored.
    pub(super) fn parse(text: &str) -> Option<Net> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let is_plain = bits.bytes().all(|digit| digit.is_ascii_digit()) && bits.len() <= 3;
        let bits = bits.parse().ok().filter(|bits| is_plain && *bits <= width(address))?;
        Some(Net { address: masked(address, bits), bits })
    }

    /// Whether a stored address is in this network. An IPv4 address that is written as an IPv6 one is an IPv4 one.
    pub fn contains(&self, address: &str) -> bool {
        let Ok(address) = address.parse::<IpAddr>() else {
            return false;
        };
        let in_it =
            |address| width(address) == width(self.address) && masked(address, self.bits) == self.address;
        in_it(address) || in_it(address.to_canonical())
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address, with zeros behind them.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((four.to_bits() & mask).into())
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((six.to_bits() & mask).into())
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Net {
        Net::parse(text).unwrap_or_else(|| panic!("{text} is a network"))
    }

    #[test]
    fn an_address_is_in_its_networks() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.1"),
            ("10.1.2.3/8", "10.0.0.0", "9.255.255.255"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("192.168.1.7/32", "192.168.1.7", "192.168.1.8"),
            ("2001:db8::/32", "2001:DB8:0:0::5", "2001:db9::"),
            ("::/0", "::1", "not an address"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "10.0.0.1:80"),
            ("::ffff:0:0/96", "::ffff:10.1.2.3", "10.1.2.3"),
        ] {
            assert!(net(network).contains(inside), "{network} {inside}");
            assert!(!net(network).contains(outside), "{network} {outside}");
            assert_eq!(net(&net(network).to_string()), net(network));
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "a/8",
            "10.0.0.0/0008",
        ] {
            assert_eq!(Net::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bits_are_compared_one_by_one(network in any::<u32>(), address in any::<u32>(), bits in 0_u8..=32) {
            let same = (0..u32::from(bits)).all(|bit| (network ^ address) >> (31 - bit) & 1 == 0);
            let text = |bits: u32| std::net::Ipv4Addr::from_bits(bits).to_string();
            prop_assert_eq!(net(&format!("{}/{bits}", text(network))).contains(&text(address)), same);
        }
    }
}
