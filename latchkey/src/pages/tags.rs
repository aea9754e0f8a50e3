/// Tags of the description in their order on the pages, which suits a new reader, with their titles.
const TITLES: [(&str, &str); 9] = [
    ("signup", "Signing up"),
    ("signin", "Signing in"),
    ("session", "Sessions"),
    ("token", "Tokens"),
    ("identities", "Identities"),
    ("permission-check", "Permissions"),
    ("admin", "Administration"),
    ("keys", "Keys"),
    ("meta", "This server"),
];

/// Returns the position of a tag. Unknown tags come last.
pub(super) fn place(tag: &str) -> usize {
    TITLES.iter().position(|(known, _)| *known == tag).unwrap_or(TITLES.len())
}

/// Returns the title of a tag. A tag such as `oauth-start` becomes "Oauth start" until it has a title here.
pub(super) fn title(tag: &str) -> String {
    if let Some((_, title)) = TITLES.iter().find(|(known, _)| *known == tag) {
        return (*title).to_owned();
    }
    let words = tag.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Returns the text as an anchor: lower-case letters, digits and single hyphens.
pub(super) fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tags_come_first_and_others_can_be_read() {
        assert!(place("signup") < place("admin") && place("admin") < place("webhooks"));
        assert_eq!(title("session"), "Sessions");
        assert_eq!(title("clerk-webhook"), "Clerk webhook");
        assert_eq!(title(""), "");
    }

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("PUT /v1/users/{id}/roles/{name}"), "put-v1-users-id-roles-name");
        assert_eq!(slug("get /.well-known/jwks.json"), "get-well-known-jwks-json");
        assert_eq!(slug("\"><script>"), "script");
    }
}
