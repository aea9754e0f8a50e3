use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Source of the client address in an event.
pub(super) enum Said {
    /// The platform's own context of the event, which no client can write.
    Platform(Option<String>),
    /// The last entry of `X-Forwarded-For`, which the load balancer appends in its default mode.
    LastForwarded,
}

impl Said {
    /// Returns the client address, if the event has it. Entries that the platform itself has appended to
    /// `X-Forwarded-For` are removed, so `LATCHKEY_TRUSTED_PROXIES` counts the proxies in front of the
    /// platform (a CDN: 1), as on any other platform.
    pub(super) fn take(self, headers: &mut HeaderMap) -> Option<IpAddr> {
        let last = last(headers);
        match self {
            Self::Platform(text) => {
                let peer = parse(text?.as_bytes())?;
                if last == Some(peer) {
                    drop_last(headers);
                }
                Some(peer)
            }
            Self::LastForwarded => {
                drop_last(headers);
                last
            }
        }
    }
}

fn last(headers: &HeaderMap) -> Option<IpAddr> {
    let value = headers.get_all(&X_FORWARDED_FOR).iter().next_back()?;
    value.as_bytes().rsplit(|byte| *byte == b',').next().and_then(parse)
}

/// Removes the last entry, or the whole header if there is no other.
fn drop_last(headers: &mut HeaderMap) {
    let mut values: Vec<HeaderValue> = headers.get_all(&X_FORWARDED_FOR).iter().cloned().collect();
    headers.remove(&X_FORWARDED_FOR);
    if let Some(last) = values.pop() {
        let bytes = last.as_bytes();
        let before = bytes.iter().rposition(|byte| *byte == b',').and_then(|comma| bytes.get(..comma));
        values.extend(before.and_then(|before| HeaderValue::from_bytes(before).ok()));
    }
    for value in values {
        headers.append(&X_FORWARDED_FOR, value);
    }
}

/// Parses an address, bare, in brackets, or with the port that a load balancer may add.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    entry
        .parse()
        .ok()
        .or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
        .or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&X_FORWARDED_FOR, value.parse().unwrap());
        }
        headers
    }

    fn left(headers: &HeaderMap) -> Vec<&str> {
        headers.get_all(&X_FORWARDED_FOR).iter().map(|value| value.to_str().unwrap()).collect()
    }

    fn platform(address: &str) -> Said {
        Said::Platform(Some(address.to_owned()))
    }

    #[test]
    fn the_platforms_word_counts_and_its_own_entry_goes() {
        for (values, expected) in [
            (&["192.0.2.7"][..], &[][..]),
            (&["198.51.100.1, 192.0.2.7"], &["198.51.100.1"]),
            (&["198.51.100.1", "192.0.2.7"], &["198.51.100.1"]),
            (&["192.0.2.7, 198.51.100.1"], &["192.0.2.7, 198.51.100.1"]),
            (&["nonsense"], &["nonsense"]),
        ] {
            let mut headers = forwarded(values);
            assert_eq!(platform("192.0.2.7").take(&mut headers), "192.0.2.7".parse().ok(), "{values:?}");
            assert_eq!(left(&headers), expected, "{values:?}");
        }
    }

    #[test]
    fn what_the_platform_does_not_say_the_header_does_not_either() {
        for said in [Said::Platform(None), platform("test-invoke-source-ip"), platform("")] {
            let mut headers = forwarded(&["192.0.2.7"]);
            assert_eq!(said.take(&mut headers), None);
            assert_eq!(left(&headers), ["192.0.2.7"]);
        }
    }

    #[test]
    fn a_load_balancers_entry_is_the_last() {
        for (values, peer, expected) in [
            (&["198.51.100.1, 192.0.2.7"][..], Some("192.0.2.7"), &["198.51.100.1"][..]),
            (&["198.51.100.1", "192.0.2.7:50123"], Some("192.0.2.7"), &["198.51.100.1"]),
            (&["[2001:db8::7]:50123"], Some("2001:db8::7"), &[]),
            (&["192.0.2.7, "], None, &["192.0.2.7"]),
            (&[], None, &[]),
        ] {
            let mut headers = forwarded(values);
            let peer = peer.and_then(|peer| peer.parse().ok());
            assert_eq!(Said::LastForwarded.take(&mut headers), peer, "{values:?}");
            assert_eq!(left(&headers), expected, "{values:?}");
        }
    }
}
