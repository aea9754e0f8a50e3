use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::model::{DEVICE_LIFETIME, Device, User};
use crate::port::{Clock, Entropy, EntropyError};
use crate::seal::{Purpose, Sealer, TAG_LEN};
use crate::{DeviceId, Email, Timestamp, UserId};

const TAG: Purpose = Purpose::new("device-cookie");
const NAME: Purpose = Purpose::new("device-cookie-name");

/// Length of a token before its tag, in bytes: identifiers of device and user, then the expiry in seconds.
const BODY_LEN: usize = 16 + 16 + 8;

/// Browsers that are recognized by their cookies.
pub struct Devices {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Arc<Sealer>,
}

impl Devices {
    /// Returns the service over these ports.
    pub(crate) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, sealer: Arc<Sealer>) -> Self {
        Self { clock, entropy, sealer }
    }

    /// Returns the device of a cookie that was issued for `email` and has not expired.
    pub fn known(&self, cookie: &[u8], email: &Email) -> Option<Device> {
        Device::read(cookie, email, &self.sealer, self.clock.now())
    }

    /// Returns the cookie of a browser that has just signed in as `user`: that of the `known` device with a new expiry, or of a
    /// new device.
    pub fn remember(&self, known: Option<&Device>, user: &User) -> Result<String, EntropyError> {
        let device = Device::signed_in(known, user, &*self.clock, &*self.entropy)?;
        Ok(device.token(&user.email, &self.sealer))
    }

    /// Returns the part of the cookie name that separates the accounts of one browser. It reveals no address.
    pub fn cookie_suffix(&self, email: &Email) -> String {
        Device::cookie_suffix(email, &self.sealer)
    }
}

impl Device {
    /// Returns the device of a browser that has just signed in as `user`: the `known` one with a new expiry, or a new one.
    pub fn signed_in(
        known: Option<&Self>,
        user: &User,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyError> {
        let id = match known.filter(|known| known.user == user.id) {
            Some(known) => known.id,
            None => DeviceId::new(clock, entropy)?,
        };
        Ok(Self { id, user: user.id, expires_at: clock.now() + DEVICE_LIFETIME })
    }

    /// Returns the value of its cookie, bound to `email`.
    pub fn token(&self, email: &Email, sealer: &Sealer) -> String {
        let body = self.body();
        let tag = sealer.tag(TAG, &message(&body, email));
        BASE64_URL_SAFE_NO_PAD.encode([body.as_slice(), tag.as_slice()].concat())
    }

    /// Reads the value of a cookie. Returns `None` if it was not issued for `email`, or has expired.
    pub fn read(token: &[u8], email: &Email, sealer: &Sealer, now: Timestamp) -> Option<Self> {
        let (body, tag) = split(token)?;
        if !sealer.verify_tag(TAG, &message(&body, email), &tag) {
            return None;
        }
        Self::of_body(&body).filter(|device| device.expires_at > now)
    }

    /// Returns the unverified expiry in the value of a cookie. Use it to sort cookies, not to trust them.
    pub fn claimed_end(token: &[u8]) -> Option<Timestamp> {
        Self::of_body(&split(token)?.0).map(|device| device.expires_at)
    }

    /// Returns the part of the cookie name that separates the accounts of one browser. It reveals no address.
    pub fn cookie_suffix(email: &Email, sealer: &Sealer) -> String {
        let tag = sealer.tag(NAME, email.as_str().as_bytes());
        let start = tag.first_chunk::<9>().map_or(&[][..], |start| start);
        BASE64_URL_SAFE_NO_PAD.encode(start)
    }

    /// Returns true if `text` has the form of [`cookie_suffix`](Self::cookie_suffix).
    pub fn is_cookie_suffix(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    }

    fn body(&self) -> [u8; BODY_LEN] {
        let mut body = [0; BODY_LEN];
        let seconds = (self.expires_at.as_millis() / 1000).to_be_bytes();
        let bytes = self.id.as_bytes().iter().chain(self.user.as_bytes()).chain(&seconds);
        body.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        body
    }

    fn of_body(body: &[u8; BODY_LEN]) -> Option<Self> {
        let (id, rest) = body.split_first_chunk()?;
        let (user, rest) = rest.split_first_chunk()?;
        let seconds = i64::from_be_bytes(*rest.first_chunk()?);
        let expires_at = Timestamp::from_millis(seconds.saturating_mul(1000));
        Some(Self { id: DeviceId::from_bytes(*id), user: UserId::from_bytes(*user), expires_at })
    }
}

fn split(token: &[u8]) -> Option<([u8; BODY_LEN], [u8; TAG_LEN])> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, tag) = bytes.split_first_chunk()?;
    Some((*body, tag.try_into().ok()?))
}

/// Returns the message to tag. The body has a fixed length, so two different pairs of body and address never give the same
/// message.
fn message(body: &[u8; BODY_LEN], email: &Email) -> Vec<u8> {
    [body.as_slice(), email.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::seal::MasterSecrets;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
    const SECRETS: [&str; 2] =
        ["qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=", "hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM="];

    fn sealer(secret: &str) -> Sealer {
        Sealer::new(&MasterSecrets::parse(secret).unwrap_or_else(|error| panic!("{error}")))
    }

    fn device() -> Device {
        Device::of(DeviceId::from_bytes([7; 16]), UserId::from_bytes([9; 16]), NOW + DEVICE_LIFETIME)
    }

    fn email(name: &str) -> Email {
        format!("{name}@example.com").parse().unwrap()
    }

    fn read(token: &str, name: &str) -> Option<Device> {
        Device::read(token.as_bytes(), &email(name), &sealer(SECRETS[0]), NOW)
    }

    #[test]
    fn a_cookie_is_good_for_its_address_until_it_expires() {
        let token = device().token(&email("ada"), &sealer(SECRETS[0]));
        assert!(token.len() < 128, "{token}");
        assert_eq!(read(&token, "ada"), Some(device()));
        assert_eq!(read(&token, "eve"), None);
        let end = NOW + DEVICE_LIFETIME;
        let at = |now| Device::read(token.as_bytes(), &email("ada"), &sealer(SECRETS[0]), now);
        assert!(at(end - Duration::from_secs(1)).is_some());
        assert_eq!(at(end), None);
        assert_eq!(Device::claimed_end(token.as_bytes()), Some(end));
    }

    #[test]
    fn an_older_secret_still_proves_a_device_and_another_one_does_not() {
        let token = device().token(&email("ada"), &sealer(SECRETS[0]));
        let rotated = sealer(&format!("{},{}", SECRETS[1], SECRETS[0]));
        assert!(Device::read(token.as_bytes(), &email("ada"), &rotated, NOW).is_some());
        assert_eq!(Device::read(token.as_bytes(), &email("ada"), &sealer(SECRETS[1]), NOW), None);
    }

    #[test]
    fn the_name_of_a_cookie_shows_no_address() {
        let suffix = Device::cookie_suffix(&email("ada"), &sealer(SECRETS[0]));
        assert!(Device::is_cookie_suffix(&suffix), "{suffix}");
        assert_ne!(suffix, Device::cookie_suffix(&email("eve"), &sealer(SECRETS[0])));
        assert_ne!(suffix, Device::cookie_suffix(&email("ada"), &sealer(SECRETS[1])));
        for other in ["", "short", "has a blank!", "aaaaaaaaaaa=", "aaaaaaaaaaaaa", "äaaaaaaaaaa"] {
            assert!(!Device::is_cookie_suffix(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_other_value_is_a_device(place in 0_usize..96, change in 1_u8..64, text in "\\PC{0,200}") {
            let mut token = device().token(&email("ada"), &sealer(SECRETS[0])).into_bytes();
            token[place] ^= change;
            prop_assert_eq!(Device::read(&token, &email("ada"), &sealer(SECRETS[0]), NOW), None);
            prop_assert_eq!(read(&text, "ada"), None);
            let _ = Device::claimed_end(text.as_bytes());
        }
    }
}
