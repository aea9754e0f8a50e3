//! Client address, in the one form in which it is counted and shown.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Address that a request came from.
///
/// A client has one address however it is spelled: an IPv6 address that carries an IPv4 address, mapped or compatible (RFC
/// 4291, section 2.5.5), becomes that IPv4 address. The audit log shows it in full; rate limits count it by its
/// [`networks`](Self::networks).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "IpAddr", into = "IpAddr")]
pub struct ClientAddress(IpAddr);

/// Network in which an address is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Network {
    /// Key of the network, the same for every address in it.
    pub key: String,
    /// Number of times that the network has the quota of one client.
    pub factor: u32,
}

/// Lengths of the IPv6 prefixes that are counted, each with its factor. A subscriber has at least a whole /64 to choose
/// addresses from (RFC 6177), often a /56 and sometimes a /48, which holds 65,536 networks of length /64.
const PREFIXES: [(u32, u32); 3] = [(64, 1), (56, 4), (48, 16)];

impl ClientAddress {
    /// Maximum number of networks in which one address is counted.
    pub const MAX_NETWORKS: usize = PREFIXES.len();

    /// Returns the networks in which limits count the address. An IPv4 address counts by itself. An IPv6 address counts in its
    /// /64, in its /56 with 4 times the quota, and in its /48 with 16 times the quota.
    pub fn networks(&self) -> Vec<Network> {
        match self.0 {
            IpAddr::V4(address) => vec![Network { key: address.to_string(), factor: 1 }],
            IpAddr::V6(address) => {
                let network = |(length, factor): (u32, u32)| {
                    let host_bits = u128::BITS.saturating_sub(length);
                    let prefix = u128::from(address).checked_shr(host_bits).unwrap_or(0);
                    let first = Ipv6Addr::from(prefix.checked_shl(host_bits).unwrap_or(0));
                    Network { key: format!("{first}/{length}"), factor }
                };
                PREFIXES.into_iter().map(network).collect()
            }
        }
    }

    /// Returns the client behind `trusted_proxies` proxies, each of which appends the address of its caller to
    /// `X-Forwarded-For`. `peer` called this process; without proxies it is the client itself.
    ///
    /// `values` are the raw values of the header in the order received. Do not leave out a value that is not text: the client
    /// itself chooses everything left of the trusted entries, so the entries are counted from the right.
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

/// Parses an address: bare, in brackets, or with a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    entry
        .parse()
        .ok()
        .or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
        .or_else(bracketed)
}

/// Reason that the client address is unknown. The request is refused, because a request without an address would escape every
/// limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAddress {
    /// The request passed fewer proxies than are configured.
    #[error(
        "X-Forwarded-For has fewer than {trusted_proxies} addresses: set the number of trusted proxies to the number that stand \
         in front of this service"
    )]
    Missing {
        /// Number of configured proxies.
        trusted_proxies: u8,
    },
    /// The entry that a trusted proxy wrote is not an address.
    #[error(
        "the entry of X-Forwarded-For that names the client is not an IP address: set the number of trusted proxies to \
         the number that append to the header, and let them append addresses"
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
    // Personal data: a stray {:?} in a log line must not expose it.
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

    /// Returns the keys of its networks.
    fn keys(address: ClientAddress) -> Vec<String> {
        address.networks().into_iter().map(|network| network.key).collect()
    }

    #[test]
    fn an_ipv6_address_is_counted_in_three_networks_and_an_ipv4_address_alone() {
        let shown = |text: &str| -> Vec<_> {
            address(text).networks().into_iter().map(|Network { key, factor }| (key, factor)).collect()
        };
        assert_eq!(
            shown("2001:db8:1:2345:6789::1"),
            [
                ("2001:db8:1:2345::/64".to_owned(), 1),
                ("2001:db8:1:2300::/56".to_owned(), 4),
                ("2001:db8:1::/48".to_owned(), 16)
            ]
        );
        assert_eq!(shown("192.0.2.7"), [("192.0.2.7".to_owned(), 1)]);
    }

    #[test]
    fn a_thousand_addresses_of_one_64_share_a_key() {
        let network = u128::from("2001:db8:1:2::".parse::<Ipv6Addr>().unwrap());
        let addresses: HashSet<Ipv6Addr> = (0..1000_u64)
            .map(|n| Ipv6Addr::from(network | u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
            .collect();
        assert_eq!(addresses.len(), 1000);
        let of_64: HashSet<String> = addresses
            .into_iter()
            .filter_map(|a| keys(ClientAddress::from(IpAddr::V6(a))).into_iter().next())
            .collect();
        assert_eq!(of_64, HashSet::from(["2001:db8:1:2::/64".to_owned()]));
        assert_ne!(keys(address("2001:db8:1:3::1"))[0], "2001:db8:1:2::/64");
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
            assert_eq!(keys(client), ["192.0.2.7"], "{spelling}");
            assert_eq!(client.to_string(), "192.0.2.7", "{spelling}");
        }
        for spelling in ["2001:db8::1", "2001:0DB8:0:0::1", "[2001:db8::1]", "[2001:db8:0::0:1]:443"] {
            let client = ClientAddress::forwarded(PEER, [spelling].into_iter(), 1).unwrap();
            assert_eq!(keys(client), ["2001:db8::/64", "2001:db8::/56", "2001:db8::/48"], "{spelling}");
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

        /// Checks the definition: two addresses share the network of a length if and only if their first bits are the same.
        #[test]
        fn two_addresses_share_a_network_exactly_when_their_prefixes_agree(
            one: u128,
            other: u128,
            shared in 0_u32..=128,
        ) {
            // The second address takes its first bits from the first.
            let mask = u128::MAX.checked_shl(128 - shared).unwrap_or(0);
            let other = (one & mask) | (other & !mask);
            let of = |bits: u128| ClientAddress::from(IpAddr::V6(Ipv6Addr::from(bits))).networks();
            let (ours, theirs) = (of(one), of(other));
            prop_assume!(ours.len() == 3 && theirs.len() == 3);
            let agreeing = (one ^ other).leading_zeros();
            for (place, length) in [64, 56, 48].into_iter().enumerate() {
                prop_assert_eq!(ours[place] == theirs[place], agreeing >= length, "/{}", length);
            }
        }

        /// Checks that a wider network has a larger factor, contains the narrower network, and never shares its key.
        #[test]
        fn networks_widen_and_are_told_apart(bits: [u8; 16]) {
            let networks = ClientAddress::from(IpAddr::from(bits)).networks();
            prop_assert!((1..=ClientAddress::MAX_NETWORKS).contains(&networks.len()));
            prop_assert_eq!(networks[0].factor, 1);
            prop_assert!(networks.windows(2).all(|pair| pair[0].factor < pair[1].factor));
            prop_assert_eq!(networks.iter().map(|n| &n.key).collect::<HashSet<_>>().len(), networks.len());
        }

        /// Checks that an attacker with a whole /48 is admitted at most 16 times as often as one client.
        #[test]
        fn a_48_has_sixteen_times_the_quota_of_a_client(hosts in proptest::collection::vec(any::<[u8; 10]>(), 200..400)) {
            let mut counted = std::collections::HashMap::<String, u32>::new();
            let mut admitted = 0;
            for host in hosts {
                let mut bits = [0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                bits[6..].copy_from_slice(&host);
                let networks = ClientAddress::from(IpAddr::from(bits)).networks();
                let has_room = |n: &Network| counted.get(&n.key).copied().unwrap_or(0) < 5 * n.factor;
                if networks.iter().all(has_room) {
                    admitted += 1;
                    for network in networks {
                        *counted.entry(network.key).or_default() += 1;
                    }
                }
            }
            prop_assert!(admitted <= 5 * 16);
        }

        #[test]
        fn the_shown_form_reads_back(bits: [u8; 16]) {
            let client = ClientAddress::from(IpAddr::from(bits));
            prop_assert!(address(&client.to_string()) == client);
        }
    }
}
