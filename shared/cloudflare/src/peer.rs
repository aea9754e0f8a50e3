use std::net::IpAddr;

use http::HeaderMap;
use latchkey_http::PeerAddress;

/// Returns the client address that Cloudflare reports. Cloudflare sets this header itself, whatever the
/// client sent. No other header with an address is read.
pub(crate) fn address(headers: &HeaderMap) -> Option<PeerAddress> {
    let mut values = headers.get_all("cf-connecting-ip").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()?.parse::<IpAddr>().ok().map(PeerAddress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn told(values: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        headers.insert("x-real-ip", HeaderValue::from_static("192.0.2.2"));
        for value in values {
            headers.append("cf-connecting-ip", HeaderValue::from_static(value));
        }
        address(&headers).map(|PeerAddress(ip)| ip.to_string())
    }

    #[test]
    fn only_cloudflares_own_header_counts() {
        assert_eq!(told(&["198.51.100.7"]).as_deref(), Some("198.51.100.7"));
        assert_eq!(told(&["2001:db8::1"]).as_deref(), Some("2001:db8::1"));
        for none in
            [&[][..], &[""], &["198.51.100.7, 192.0.2.1"], &["198.51.100.7:443"], &["1.1.1.1", "2.2.2.2"]]
        {
            assert_eq!(told(none), None, "{none:?}");
        }
    }
}
