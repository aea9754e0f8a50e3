//! How much of a request's body is read, and how much of it the service gets.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use latchkey_http::MAX_BODY;

/// What is read at the most, in bytes. Whoever sends more may lose the connection.
const MAX_READ: usize = 1024 * 1024;

/// Reads a body to its end, and keeps what the service may want of it: of one that is too large, a byte more than the service
/// takes, for which it refuses it.
///
/// The service refuses much without a look at the body, and a response before the end of the request costs the connection
/// between two Workers: `wrangler dev`, which puts one of its own in front, then answers another request with 503 in plain
/// text, one time in six.
pub(crate) async fn read<E>(mut pieces: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<Bytes, E> {
    // Most bodies come in one piece, which is not copied.
    let mut kept = BytesMut::from(pieces.try_next().await?.unwrap_or_default());
    let mut read = kept.len();
    while let Some(piece) = pieces.try_next().await? {
        let room = (MAX_BODY + 1).saturating_sub(kept.len());
        kept.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        read += piece.len();
        if read > MAX_READ {
            break;
        }
    }
    kept.truncate(MAX_BODY + 1);
    Ok(kept.freeze())
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};
    use proptest::prelude::*;

    use super::*;

    type Pieces = Vec<Result<Bytes, &'static str>>;

    /// What is kept, and how many pieces are left unread.
    fn reading(pieces: Pieces) -> (Result<Bytes, &'static str>, usize) {
        let mut pieces = stream::iter(pieces);
        let kept = read(&mut pieces).now_or_never().unwrap();
        (kept, pieces.size_hint().0)
    }

    fn pieces(count: usize, length: usize) -> Pieces {
        vec![Ok(vec![b'x'; length].into()); count]
    }

    proptest! {
        #[test]
        fn the_service_gets_all_it_takes_and_at_most_a_byte_more(
            lengths in prop::collection::vec(prop_oneof![0_usize..100, 0..MAX_BODY, Just(MAX_BODY)], 0..8),
        ) {
            let whole: Vec<u8> = (0..=u8::MAX).cycle().take(lengths.iter().sum()).collect();
            let mut rest = &whole[..];
            let mut pieces = Pieces::new();
            for length in lengths {
                let (piece, after) = rest.split_at(length);
                pieces.push(Ok(Bytes::copy_from_slice(piece)));
                rest = after;
            }
            let (kept, left) = reading(pieces);
            prop_assert_eq!(&kept.unwrap()[..], &whole[..whole.len().min(MAX_BODY + 1)]);
            prop_assert_eq!(left, 0);
        }
    }

    #[test]
    fn a_body_that_is_too_large_is_read_to_its_end_unless_that_is_far() {
        let piece = MAX_READ / 4;
        let (kept, left) = reading(pieces(4, piece));
        assert_eq!((kept.unwrap().len(), left), (MAX_BODY + 1, 0));
        let (kept, left) = reading(pieces(10, piece));
        assert_eq!((kept.unwrap().len(), left), (MAX_BODY + 1, 5));
        let (kept, left) = reading([pieces(1, 10), pieces(2, 2 * MAX_READ)].concat());
        assert_eq!((kept.unwrap().len(), left), (MAX_BODY + 1, 1));
    }

    #[test]
    fn one_that_breaks_off_is_an_error_wherever_it_does() {
        for before in [0, 1, 3] {
            let pieces = [pieces(before, MAX_BODY), vec![Err("lost")], pieces(1, 1)].concat();
            assert_eq!(reading(pieces).0, Err("lost"));
        }
    }
}
