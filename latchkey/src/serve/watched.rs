//! Wrappers around the parts that hyper reads and writes. They report each step to the connection's
//! [`Activity`].

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use latchkey_http::{MAX_BODY, RequestTimeout};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::{Activity, Phase};

/// Number of bytes that are stored of hyper's own response: a status line.
const REFUSAL_BYTES: usize = 64;

/// Socket of a client.
pub(super) struct Watched<T> {
    socket: T,
    activity: Arc<Activity>,
    /// Beginning of a response that hyper wrote without the service.
    refusal: Vec<u8>,
}

impl<T> Watched<T> {
    pub(super) fn new(socket: T, activity: Arc<Activity>) -> Self {
        Self { socket, activity, refusal: Vec::new() }
    }

    /// Returns the socket, and the status with which hyper refused a request, if it did.
    pub(super) fn into_parts(self) -> (T, Option<u16>) {
        let line = String::from_utf8_lossy(&self.refusal);
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        (self.socket, status)
    }

    /// Returns true if hyper writes its own response. It does so before a request reaches the service,
    /// without a body that gives the reason.
    fn is_refusal(&self) -> bool {
        matches!(self.activity.phase().0, Phase::Fresh | Phase::Idle | Phase::Head)
    }

    fn keep_refusal(&mut self, bytes: &[u8]) {
        let room = REFUSAL_BYTES.saturating_sub(self.refusal.len());
        self.refusal.extend(bytes.iter().take(room));
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if read.is_ready() && buffer.filled().len() > before {
            self.activity.bytes_arrived();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            self.keep_refusal(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            for bytes in slices {
                self.keep_refusal(bytes);
            }
            return Poll::Ready(Ok(slices.iter().map(|bytes| bytes.len()).sum()));
        }
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        self.activity.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Body of a request. It may end with a [`RequestTimeout`].
pub struct RequestBody {
    /// Absent once it was read to its end or handed on.
    body: Option<Incoming>,
    activity: Arc<Activity>,
}

/// The rest of a body that the service dropped. hyper ends the connection where nobody holds it.
#[derive(Debug, Default)]
pub(super) struct Unread(Mutex<Option<Incoming>>);

impl Unread {
    fn keep(&self, rest: Incoming) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
    }

    /// Drops the rest. Returns true if there was none.
    pub(super) fn forget(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_none()
    }

    /// Reads the rest, if there is one, so that the connection can go on. Returns false where it is longer than any route takes,
    /// late, or broken.
    pub(super) async fn drain(&self, patience: Duration) -> bool {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body else { return true };
        let most = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
        if body.size_hint().lower() > most {
            return false;
        }
        let read = async {
            let mut left = MAX_BODY;
            while let Some(frame) = body.frame().await {
                let length = frame.ok()?.data_ref().map_or(0, Bytes::len);
                left = left.checked_sub(length)?;
            }
            Some(())
        };
        matches!(tokio::time::timeout(patience, read).await, Ok(Some(())))
    }
}

impl RequestBody {
    pub(super) fn new(body: Incoming, activity: Arc<Activity>) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        Self { body, activity }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        self.activity.register_body(cx.waker());
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            return if self.activity.body_is_late() {
                Poll::Ready(Some(Err(RequestTimeout.into())))
            } else {
                Poll::Pending
            };
        };
        if frame.is_none() || body.is_end_stream() {
            self.body = None;
            self.activity.body_ends();
        } else if matches!(frame, Some(Err(_))) {
            // hyper reads no further, and the client may still be sending.
            self.body = None;
            self.activity.leaves_unread();
            self.activity.body_ends();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(rest) = self.body.take() {
            self.activity.unread.keep(rest);
        }
        self.activity.body_ends();
    }
}

/// Body of a response.
pub(super) struct ResponseBody {
    body: axum::body::Body,
    activity: Arc<Activity>,
}

impl ResponseBody {
    pub(super) fn new(body: axum::body::Body, activity: Arc<Activity>) -> Self {
        Self { body, activity }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.activity.response_ends();
    }
}

/// Encodes a response as HTTP/1.1, for a connection that ends after it.
pub(super) async fn spelled(response: axum::response::Response) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    // A problem's body is in memory and cannot fail.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut text = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        if name != http::header::CONTENT_LENGTH && name != http::header::CONNECTION {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    text.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes());
    text.extend(body);
    text
}
