//! Name by which an operator selects an account.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::{Email, Timestamp, User, UserId};

/// Selector of an account: its address or its identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountName {
    /// The address that it signs in with.
    Email(Email),
    /// Its identifier.
    Id(UserId),
}

/// Error: the text is neither an address nor an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an account: write its e-mail address, or its id as `users list` shows it")]
pub struct InvalidAccountName;

impl FromStr for AccountName {
    type Err = InvalidAccountName;

    fn from_str(text: &str) -> Result<Self, InvalidAccountName> {
        let email = || text.parse().map(Self::Email);
        text.parse().map(Self::Id).or_else(|_| email()).map_err(|_| InvalidAccountName)
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(email) => email.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl User {
    /// Returns one line about the account for an operator: its id, its age, and the state of the address.
    pub fn described(&self, now: Timestamp) -> String {
        let verified = if self.email_verified { "verified" } else { "not verified" };
        format!("{} <{}>, made {} ago, {verified}", self.id, self.email, age(now.since(self.created_at)))
    }
}

fn age(age: Duration) -> String {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    match age.as_secs() {
        0..120 => "less than 2 minutes".to_owned(),
        secs if secs < 2 * HOUR => format!("{} minutes", secs / 60),
        secs if secs < 2 * DAY => format!("{} hours", secs / HOUR),
        secs => format!("{} days", secs / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_named_by_address_or_identifier() {
        let id = "0198c0de-0000-7000-8000-000000000000";
        assert_eq!(id.parse(), Ok(AccountName::Id(id.parse().unwrap())));
        assert_eq!("Ada@Example.com".parse(), Ok(AccountName::Email("ada@example.com".parse().unwrap())));
        for neither in ["", "ada", "0198C0DE-0000-7000-8000-000000000000", "@", "a b"] {
            assert_eq!(neither.parse::<AccountName>(), Err(InvalidAccountName), "{neither}");
        }
    }

    #[test]
    fn an_age_has_one_unit() {
        for (secs, text) in [
            (0, "less than 2 minutes"),
            (119, "less than 2 minutes"),
            (120, "2 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(age(Duration::from_secs(secs)), text);
        }
    }
}
