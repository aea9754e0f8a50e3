//! Every session ended at once, as after a restored backup.

use std::sync::Arc;
use std::time::Duration;

use latchkey_core::Timestamp;
use latchkey_core::port::Clock;

use crate::support::{get, refresh, sign_up, two_processes};

#[tokio::test]
async fn sessions_that_began_before_end_everywhere_within_a_minute_and_new_ones_live() {
    let (here, there) = two_processes().await;
    let clock = Arc::clone(&here.clock);
    let ada = sign_up(&here, "ada@example.com").await;
    assert_eq!(get(&there, "/v1/session", &ada).await.status, 200);
    let eve = sign_up(&here, "eve@example.com").await;
    clock.advance(Duration::from_secs(1));
    here.services.roles.end_sessions(clock.now()).await.unwrap();
    here.services.sessions.memory().forget_all();
    // Where it was done, at once, and where state as of now is asked for.
    assert_eq!(get(&here, "/v1/session", &ada).await.code(), "session_ended");
    assert_eq!(refresh(&here, &ada.refresh).await.status, 401);
    let fresh = get(&there, "/v1/authorize?signed_in=true&fresh=true", &ada).await;
    assert_eq!(fresh.code(), "session_ended");
    clock.advance(Duration::from_mins(1));
    for token in [&ada, &eve] {
        assert_eq!(get(&there, "/v1/session", token).await.code(), "session_ended");
        assert_eq!(refresh(&there, &token.refresh).await.status, 401);
    }
    let new = sign_up(&there, "new@example.com").await;
    assert_eq!(get(&here, "/v1/session", &new).await.status, 200);
    assert_eq!(refresh(&here, &new.refresh).await.status, 200);
    // A clock that is behind revives nobody.
    here.services.roles.end_sessions(Timestamp::default()).await.unwrap();
    assert_eq!(refresh(&here, &ada.refresh).await.status, 401);
    // A change of the roles keeps it.
    here.services.roles.init().await.unwrap();
    assert_eq!(refresh(&here, &ada.refresh).await.status, 401);
}
