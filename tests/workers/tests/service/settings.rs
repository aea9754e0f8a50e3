//! `LATCHKEY_LOG`.

use latchkey_harness::Request;
use latchkey_harness::platform::worker::Start;

use crate::Service;

/// A level for everything and another for one part; what is neither is ignored, and named.
#[test]
fn a_level_is_of_everything_or_of_one_part() {
    for (levels, logged) in [
        ("error,latchkey_http=debug,loud", &["\"level\":\"debug\"", "\"target\":\"latchkey_http"]),
        ("loud,latchkey_http=debug", &["\"ignored\":\"loud\"", "LATCHKEY_LOG is a level"]),
    ] {
        let worker = Start::new().var("LATCHKEY_LOG", levels).in_workerd("all", "workers-log").unwrap();
        Service::new(&worker).send(&Request::get("/v1/session").bearer("none"));
        worker.logs(logged).unwrap();
    }
}
