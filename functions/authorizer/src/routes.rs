//! Requirements of the protected API's routes.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::http::Method;
use latchkey_core::permission::Permission;

/// Catch-all route of an HTTP API.
const DEFAULT: &str = "$default";

/// Requirement for a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Signed in.
    SignedIn,
    /// Signed in and holding this permission.
    Permission(Permission),
}

/// Routes of the protected API and their requirements, as listed in `LATCHKEY_PERMISSIONS`. A route that is
/// not listed is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteNeeds(BTreeMap<String, Need>);

/// Error of a wrong entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` {problem}")]
pub struct InvalidRoutes {
    entry: String,
    problem: String,
}

impl FromStr for RouteNeeds {
    type Err = InvalidRoutes;

    fn from_str(text: &str) -> Result<Self, InvalidRoutes> {
        let mut needs = BTreeMap::new();
        for entry in text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
            let invalid =
                |problem: &str| InvalidRoutes { entry: entry.to_owned(), problem: problem.to_owned() };
            let (route, need) = entry.rsplit_once('=').ok_or_else(|| invalid("has no `=`"))?;
            let route = route.trim();
            if !is_route(route) {
                return Err(invalid("does not begin with a route as API Gateway writes it"));
            }
            let need = match need.trim() {
                "signed-in" => Need::SignedIn,
                text => {
                    Need::Permission(text.parse().map_err(|error| invalid(&format!("is refused: {error}")))?)
                }
            };
            if needs.insert(route.to_owned(), need).is_some() {
                return Err(invalid("repeats a route; remove one of the two entries"));
            }
        }
        Ok(Self(needs))
    }
}

impl RouteNeeds {
    /// Returns the requirement for a call of `route`, a path with `{names}` or `$default`, by `method`.
    /// Returns `None` if the route is not listed, even if an entry of another route would match the same
    /// path.
    pub fn of(&self, method: &Method, route: &str) -> Option<&Need> {
        if route == DEFAULT {
            return self.0.get(DEFAULT);
        }
        self.0.get(&format!("{method} {route}")).or_else(|| self.0.get(&format!("ANY {route}")))
    }
}

/// Returns true for `METHOD /path`, `ANY /path` and `$default`.
fn is_route(text: &str) -> bool {
    text == DEFAULT
        || text.split_once(' ').is_some_and(|(method, path)| {
            !method.is_empty()
                && method.bytes().all(|b| b.is_ascii_uppercase())
                && path.starts_with('/')
                && !path.contains(char::is_whitespace)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str) -> RouteNeeds {
        text.parse().unwrap()
    }

    #[test]
    fn a_route_demands_what_its_entry_says() {
        let needs = needs("GET /orders=orders:read, POST /orders=orders:create\nANY /me=signed-in,\n");
        let orders = |method| needs.of(&method, "/orders").cloned();
        assert_eq!(orders(Method::GET), Some(Need::Permission("orders:read".parse().unwrap())));
        assert_eq!(orders(Method::POST), Some(Need::Permission("orders:create".parse().unwrap())));
        assert_eq!(orders(Method::DELETE), None);
        assert_eq!(needs.of(&Method::PATCH, "/me"), Some(&Need::SignedIn));
    }

    #[test]
    fn the_method_goes_before_any() {
        let needs = needs("ANY /orders=orders:manage,GET /orders=orders:read");
        assert_eq!(
            needs.of(&Method::GET, "/orders"),
            Some(&Need::Permission("orders:read".parse().unwrap()))
        );
    }

    #[test]
    fn only_the_route_itself_is_open() {
        let open = needs("GET /orders/{id}=orders:read,$default=signed-in");
        for route in ["/orders", "/orders/", "/orders/{other}", "/orders/7", "/orders/{id}/items", ""] {
            assert_eq!(open.of(&Method::GET, route), None, "{route}");
        }
        assert_eq!(open.of(&Method::GET, "$default"), Some(&Need::SignedIn));
        assert_eq!(needs("").of(&Method::GET, "$default"), None);
    }

    #[test]
    fn a_wrong_entry_is_named() {
        for entry in [
            "GET /orders",
            "/orders=orders:read",
            "get /orders=orders:read",
            "GET orders=orders:read",
            "GET /orders=",
            "GET /orders=orders:*",
            "GET /orders=orders",
            "=orders:read",
            "GET  /orders=orders:read",
        ] {
            let error = format!("ANY /me=signed-in,{entry}").parse::<RouteNeeds>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{entry}` ")), "{entry}: {error}");
        }
        assert!("GET /a=signed-in,GET /a=a:b".parse::<RouteNeeds>().is_err());
    }
}
