//! Permission decisions without HTTP.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use latchkey_core::permission::{Permission, Policy, RoleName};

use crate::{Result, now};

/// Decisions a second on one core, roles compiled and permissions parsed, granted and denied ones in turn.
pub fn rate(duration: Duration) -> Result<f64> {
    let editor: RoleName = "content-editor".parse()?;
    let grants = Policy::initial().compile(&BTreeSet::from([editor]));
    let asked = ["products:read", "products:delete", "products:update", "users:read"]
        .iter()
        .map(|text| text.parse::<Permission>())
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let start = now();
    let mut decisions = 0_u32;
    while start.elapsed() < duration {
        // Looking at the clock costs about as much as a decision.
        for _ in 0..250 {
            for permission in &asked {
                black_box(black_box(&grants).decide(black_box(permission)).allowed());
            }
        }
        decisions += 1000;
    }
    Ok(f64::from(decisions) / start.elapsed().as_secs_f64())
}
