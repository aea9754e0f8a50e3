//! The address of the client, in the one form in which it is counted and shown.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The address that a request came from.
///
/// One client has one address however it is spelled: an IPv6 address that carries an IPv4 one, mapped or compatible
/// (RFC 4291, section 2.5.5), is that IPv4 address. Shown in full, for the audit; counted by
/// [`limit_key`](Self::limit_key).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "IpAddr", into = "IpAddr")]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// What limits count: an IPv4 address whole, an IPv6 address by its /64, since a subscriber has at least all of one
    /// to choose from (RFC 6177).
    pub fn limit_key(&self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(network))
            }
        }
    }

    /// The client behind `trusted_proxies` proxies, each of which appends to `X-Forwarded-For` the address it was called
    /// from; `peer` called this process and is the client itself when there are none.
    ///
    /// `values` are the header's values in the order received, as they are: one that is not text must not be left out,
    /// since what stands left of the trusted entries is the client's own choice.
    pub fn forwarded<'a, V>(
        peer: IpAddr,
        values: impl DoubleEndedIterator<Item = &'a V>,
        trusted_proxies: u8,
    ) -> Result<Self, UnknownAddress>
    where
        V: AsRef<[u8]> + ?Sized + 'a,
    {
        let Some(skipped) = trusted_proxies.checked_sub(1) else { return Ok(Self::from(peer)) };
        let mut entries = values.rev().flat_map(|value| value.as_ref().rsplit(|byte| *byte == b','));
        let entry = entries.nth(skipped.into()).ok_or(UnknownAddress::Missing { trusted_proxies })?;
        std::str::from_utf8(entry)
            .ok()
            .and_then(|entry| parse(entry.trim_matches([' ', '\t'])))
            .map(Self::from)
            .ok_or(UnknownAddress::Unreadable)
    }
}

/// An address, bare, in brackets, or with a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    entry
        .parse()
        .ok()
        .or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
        .or_else(bracketed)
}

/// Why the client's address is not known. The request is refused: one without an address would escape every limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAddress {
    /// The request passed fewer proxies than there should be.
    #[error(
        "X-Forwarded-For has fewer than {trusted_proxies} addresses: set the number of trusted proxies to how many stand \
         in front of this service"
    )]
    Missing {
        /// How many proxies are configured.
        trusted_proxies: u8,
    },
    /// The entry that a trusted proxy wrote is no address.
    #[error(
        "the entry of X-Forwarded-For that names the client is not an IP address: set the number of trusted proxies to \
         how many append to the header, and have them append addresses"
    )]
    Unreadable,
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        let IpAddr::V6(v6) = address else { return Self(address) };
        let carried = v6.to_ipv4_mapped().or_else(|| match u32::try_from(u128::from(v6)) {
            // `::` and `::1` are addresses of their own.
            Ok(0 | 1) | Err(_) => None,
            Ok(compatible) => Some(Ipv4Addr::from(compatible)),
        });
        Self(carried.map_or(address, IpAddr::V4))
    }
}

impl From<ClientAddress> for IpAddr {
    fn from(address: ClientAddress) -> Self {
        address.0
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ClientAddress {
    // Personal data: a stray {:?} in a log line must not carry it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    fn address(text: &str) -> ClientAddress {
        ClientAddress::from(text.parse::<IpAddr>().unwrap())
    }

    fn forwarded(values: &[&str], trusted_proxies: u8) -> Result<String, UnknownAddress> {
        ClientAddress::forwarded(PEER, values.iter().copied(), trusted_proxies).map(|a| a.to_string())
    }

    #[test]
    fn a_thousand_addresses_of_one_64_share_a_key() {
        let network = u128::from("2001:db8:1:2::".parse::<Ipv6Addr>().unwrap());
        let addresses: HashSet<Ipv6Addr> = (0..1000_u64)
            .map(|n| Ipv6Addr::from(network | u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
            .collect();
        assert_eq!(addresses.len(), 1000);
        let keys: HashSet<String> =
            addresses.into_iter().map(|a| ClientAddress::from(IpAddr::V6(a)).limit_key()).collect();
        assert_eq!(keys, HashSet::from(["2001:db8:1:2::/64".to_owned()]));
        assert_ne!(address("2001:db8:1:3::1").limit_key(), "2001:db8:1:2::/64");
    }

    #[test]
    fn every_spelling_of_an_address_shares_a_key() {
        for spelling in [
            "192.0.2.7",
            "::ffff:192.0.2.7",
            "::FFFF:c000:207",
            "0:0:0:0:0:ffff:192.0.2.7",
            "::192.0.2.7",
            "192.0.2.7:49152",
            "[::ffff:192.0.2.7]:443",
            "[::c000:207]",
            " \t192.0.2.7 ",
        ] {
            let client = ClientAddress::forwarded(PEER, [spelling].into_iter(), 1).unwrap();
            assert_eq!(client.limit_key(), "192.0.2.7", "{spelling}");
            assert_eq!(client.to_string(), "192.0.2.7", "{spelling}");
        }
        for spelling in ["2001:db8::1", "2001:0DB8:0:0::1", "[2001:db8::1]", "[2001:db8:0::0:1]:443"] {
            let client = ClientAddress::forwarded(PEER, [spelling].into_iter(), 1).unwrap();
            assert_eq!(client.limit_key(), "2001:db8::/64", "{spelling}");
            assert_eq!(client.to_string(), "2001:db8::1", "{spelling}");
        }
    }

    #[test]
    fn loopback_and_unspecified_carry_no_ipv4_address() {
        assert_eq!(address("::1").to_string(), "::1");
        assert_eq!(address("::").to_string(), "::");
        assert_eq!(address("::2").to_string(), "0.0.0.2");
    }

    #[test]
    fn without_proxies_the_header_is_ignored() {
        assert_eq!(forwarded(&["192.0.2.7"], 0), Ok("10.0.0.1".to_owned()));
        assert_eq!(forwarded(&["nonsense"], 0), Ok("10.0.0.1".to_owned()));
    }

    #[test]
    fn the_client_is_as_many_from_the_right_as_there_are_proxies() {
        let list = ["192.0.2.1, 192.0.2.2,192.0.2.3", "192.0.2.4"];
        for (proxies, expected) in [(1, "192.0.2.4"), (2, "192.0.2.3"), (3, "192.0.2.2"), (4, "192.0.2.1")] {
            assert_eq!(forwarded(&list, proxies), Ok(expected.to_owned()));
        }
        assert_eq!(forwarded(&list, 5), Err(UnknownAddress::Missing { trusted_proxies: 5 }));
        assert_eq!(forwarded(&[], 1), Err(UnknownAddress::Missing { trusted_proxies: 1 }));
    }

    #[test]
    fn what_a_proxy_should_not_have_written_is_an_error() {
        for entry in [
            "",
            " ",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.07",
            "192.0.2.7:",
            "192.0.2.7:65536",
            "[192.0.2.7]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]443",
            "2001:db8::1%eth0",
            "192.0.2.7 x",
            "\"192.0.2.7\"",
        ] {
            assert_eq!(
                forwarded(&[&format!("192.0.2.1,{entry}")], 1),
                Err(UnknownAddress::Unreadable),
                "{entry:?}"
            );
        }
    }

    #[test]
    fn a_value_that_is_not_text_hides_nothing() {
        let mut headers = http::HeaderMap::new();
        for value in [&b"192.0.2.66"[..], b"\xff, 192.0.2.7"] {
            headers.append("x-forwarded-for", http::HeaderValue::from_bytes(value).unwrap());
        }
        let client = ClientAddress::forwarded(PEER, headers.get_all("x-forwarded-for").iter(), 1).unwrap();
        assert_eq!(client.to_string(), "192.0.2.7");
        assert!(ClientAddress::forwarded(PEER, headers.get_all("x-forwarded-for").iter(), 2).is_err());
    }

    #[test]
    fn debug_shows_no_address() {
        assert_eq!(format!("{:?}", address("192.0.2.7")), "ClientAddress(…)");
    }

    #[test]
    fn it_is_stored_as_its_text() {
        let stored = serde_json::to_string(&address("::ffff:192.0.2.7")).unwrap();
        assert_eq!(stored, "\"192.0.2.7\"");
        assert!(
            serde_json::from_str::<ClientAddress>("\"::ffff:192.0.2.7\"").unwrap() == address("192.0.2.7")
        );
    }

    proptest! {
        #[test]
        fn what_a_client_sends_ahead_has_no_effect(spoofed in proptest::collection::vec(any::<Vec<u8>>(), 0..4),
                                                   same_line in any::<bool>()) {
            let mut values = spoofed;
            match values.last_mut() {
                Some(last) if same_line => last.extend_from_slice(b", 192.0.2.7, 10.0.0.2"),
                _ => values.push(b"192.0.2.7, 10.0.0.2".to_vec()),
            }
            let client = ClientAddress::forwarded(PEER, values.iter(), 2).unwrap();
            prop_assert_eq!(client.to_string(), "192.0.2.7");
        }

        #[test]
        fn no_header_makes_it_panic(values in proptest::collection::vec("\\PC*|[0-9a-f:.\\[\\], ]*", 0..4), proxies: u8) {
            let _ = ClientAddress::forwarded(PEER, values.iter(), proxies);
        }

        #[test]
        fn the_shown_form_reads_back(bits: [u8; 16]) {
            let client = ClientAddress::from(IpAddr::from(bits));
            prop_assert!(address(&client.to_string()) == client);
        }
    }
}
