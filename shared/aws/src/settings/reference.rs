use std::fmt;

/// A variable's value that names a secret or a parameter, in the notation of an ECS task definition: the ARN,
/// and for a secret optionally a member of its JSON, a version stage and a version.
///
/// - `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:JSON-KEY[:STAGE[:VERSION]]]`
/// - `arn:aws:ssm:REGION:ACCOUNT:parameter/NAME`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The ARN, in a form that may be shown.
    pub(super) arn: String,
    pub(super) partition: String,
    pub(super) region: String,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum What {
    Secret { json_key: Option<String>, stage: Option<String>, version: Option<String> },
    Parameter,
}

/// Error of a malformed reference, with the fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "begins with `arn:` and names neither a secret nor a parameter; write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME \
     or arn:aws:ssm:REGION:ACCOUNT:parameter/NAME"
)]
pub struct NoReference;

impl Reference {
    /// Parses a reference. Returns `None` if `value` is a plain value, because no setting begins with `arn:`.
    pub fn parse(value: &str) -> Option<Result<Self, NoReference>> {
        let value = value.trim();
        value.starts_with("arn:").then(|| Self::from_arn(value).ok_or(NoReference))
    }

    /// Returns the action that the function's policy must allow.
    pub(super) fn action(&self) -> &'static str {
        match self.what {
            What::Secret { .. } => "secretsmanager:GetSecretValue",
            What::Parameter => "ssm:GetParameter",
        }
    }

    fn from_arn(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (_, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        // These parts become part of a host name.
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !word(partition) || !word(region) || !word(account) {
            return None;
        }
        let head = format!("arn:{partition}:{service}:{region}:{account}");
        let (arn, what) = match service {
            "secretsmanager" => secret(&head, resource)?,
            "ssm" => {
                resource.strip_prefix("parameter/").filter(|name| !name.is_empty())?;
                (text.to_owned(), What::Parameter)
            }
            _ => return None,
        };
        Some(Self { arn, partition: partition.to_owned(), region: region.to_owned(), what })
    }
}

fn secret(head: &str, resource: &str) -> Option<(String, What)> {
    let mut parts = resource.strip_prefix("secret:")?.split(':');
    let name = parts.next().filter(|name| !name.is_empty())?;
    // An empty part counts as left out, as in ECS.
    let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
    let what = What::Secret { json_key: part(), stage: part(), version: part() };
    parts.next().is_none().then(|| (format!("{head}:secret:{name}"), what))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:latchkey/main-AbCdEf";

    fn parse(text: &str) -> Reference {
        Reference::parse(text).unwrap().unwrap()
    }

    #[test]
    fn a_secret_as_in_a_task_definition() {
        let all = |key: Option<&str>, stage: Option<&str>, version: Option<&str>| What::Secret {
            json_key: key.map(str::to_owned),
            stage: stage.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        for (suffix, what) in [
            ("", all(None, None, None)),
            (":key", all(Some("key"), None, None)),
            (":key::", all(Some("key"), None, None)),
            ("::AWSPREVIOUS:", all(None, Some("AWSPREVIOUS"), None)),
            (":::9d4cb84b", all(None, None, Some("9d4cb84b"))),
        ] {
            let reference = parse(&format!("{SECRET}{suffix}"));
            assert_eq!(reference.what, what, "{suffix}");
            assert_eq!((reference.arn.as_str(), reference.region.as_str()), (SECRET, "eu-central-1"));
        }
    }

    #[test]
    fn a_parameter() {
        let arn = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/latchkey/secret";
        let reference = parse(arn);
        assert_eq!((reference.arn.as_str(), &reference.what), (arn, &What::Parameter));
        assert_eq!(reference.partition, "aws-cn");
    }

    #[test]
    fn values_are_no_references() {
        for value in
            ["", "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=", "https://auth.example.com", "ssm:/x"]
        {
            assert!(Reference::parse(value).is_none(), "{value}");
        }
    }

    #[test]
    fn other_arns_are_wrong() {
        for text in [
            "arn:",
            "arn:aws:s3:::bucket",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
            "arn:aws:secretsmanager:eu-central-1:123456789012:latchkey",
            "arn:aws:secretsmanager:eu.evil.example/:123456789012:secret:x",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/",
            "arn:aws:ssm::123456789012:parameter/x",
            &format!("{SECRET}:a:b:c:d"),
        ] {
            assert_eq!(Reference::parse(text), Some(Err(NoReference)), "{text}");
        }
    }
}
