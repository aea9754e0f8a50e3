//! The same people, each from an address of their own: no two share a limit.

use std::net::{IpAddr, Ipv4Addr};

use super::{PASSWORD, Person, credentials};
use crate::{TestApp, TestRequest};

/// Signs up.
pub async fn sign_up(app: &TestApp, email: &str) -> Person {
    begin(app, "/v1/signup", email).await
}

/// Signs in once more.
pub async fn sign_in(app: &TestApp, email: &str) -> Person {
    begin(app, "/v1/signin", email).await
}

async fn begin(app: &TestApp, path: &str, email: &str) -> Person {
    let request = TestRequest::post(path, &credentials(email, PASSWORD)).peer(Some(own_address(email)));
    Person::read(&app.send(request).await)
}

/// FNV-1a of the e-mail address, in 10.0.0.0/8.
fn own_address(email: &str) -> IpAddr {
    let hash =
        email.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    IpAddr::V4(Ipv4Addr::from((10 << 24) | (hash >> 8)))
}
