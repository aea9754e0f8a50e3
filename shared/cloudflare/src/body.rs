//! Limits on the part of a request's body that is read, and on the part that the service gets.

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use latchkey_http::MAX_BODY;

/// Maximum number of bytes that are read. A client that sends more may lose the connection.
const MAX_READ: usize = 1024 * 1024;

/// Reads a body to its end, and returns the part that the service may need. Of a body that is too large it
/// returns one byte more than the service accepts, so that the service refuses it.
///
/// The service refuses many requests without reading the body. A response before the end of the request costs
/// the connection between two Workers: `wrangler dev`, which puts its own Worker in front, then responds to
/// about one of six following requests with 503 in plain text.
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

    /// Returns the part that the service gets, and the number of pieces that are left unread.
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
