use super::{Clock, Entropy, EntropyError};
use crate::{DeviceId, EventId, SessionId, UserId};

macro_rules! generated {
    ($($id:ident),+) => {
        $(impl $id {
            /// Returns a new identifier for the current time.
            pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                let random = entropy.bytes()?;
                Ok(Self::at(clock.now(), &random))
            }
        })+
    };
}

generated!(UserId, SessionId, EventId, DeviceId);
