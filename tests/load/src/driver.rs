//! A small HTTP/1.1 client that costs as little as it can, and the loop that counts what it gets done.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Result, now};

/// The largest answer that is read, head and body.
const BUFFER: usize = 64 * 1024;

/// A connection that is kept from request to request.
pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// An answer with its body, read whole.
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER].into() })
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (status, head, length) = loop {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let read = self.stream.read(room).await?;
            if read == 0 {
                return Err("the server closed the connection, or its answer is too long".into());
            }
            filled += read;
            if let Some((status, head, body)) = measure(self.buffer.get(..filled).unwrap_or_default())?
                && filled >= head + body
            {
                break (status, head, body);
            }
        };
        Ok(Answer { status, body: self.buffer.get(head..head + length).unwrap_or_default() })
    }
}

/// Status, length of the head and of the body, once the head is whole.
fn measure(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = match length {
        Some(length) => std::str::from_utf8(length.value)?.parse()?,
        None if status == 204 => 0,
        None => return Err("the answer does not say how long it is".into()),
    };
    Ok(Some((status, head, body)))
}

/// What one connection asks, request by request.
pub trait Script: Send {
    /// The next request.
    fn request(&mut self) -> &[u8];
    /// The status that each answer must have.
    fn status(&self) -> u16;
    /// Takes from an answer what the next request needs.
    fn learn(&mut self, _body: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// How long to drive.
#[derive(Clone, Copy)]
pub struct Span {
    /// Before counting.
    pub warm_up: Duration,
    /// While counting.
    pub counted: Duration,
}

/// Drives one connection per script at once. Returns how many answers came within the counted span; an answer with another
/// status than its script wants ends the run.
pub async fn drive(
    address: SocketAddr,
    scripts: &mut Vec<Box<dyn Script>>,
    span: Span,
    mut when_warm: impl FnMut(),
    mut when_over: impl FnMut(),
) -> Result<u32> {
    let from = now() + span.warm_up;
    let until = from + span.counted;
    let mut tasks = Vec::new();
    for script in scripts.drain(..) {
        tasks.push(tokio::spawn(follow(address, script, from, until)));
    }
    tokio::time::sleep_until(from.into()).await;
    when_warm();
    tokio::time::sleep_until(until.into()).await;
    when_over();
    let mut answers = 0;
    for task in tasks {
        let (script, counted) = task.await??;
        scripts.push(script);
        answers += counted;
    }
    Ok(answers)
}

async fn follow(
    address: SocketAddr,
    mut script: Box<dyn Script>,
    from: Instant,
    until: Instant,
) -> Result<(Box<dyn Script>, u32)> {
    let mut connection = Connection::open(address).await?;
    let mut counted = 0;
    loop {
        let answer = connection.exchange(script.request()).await?;
        if answer.status != script.status() {
            let text = String::from_utf8_lossy(answer.body);
            return Err(format!("the server answered {}: {text}", answer.status).into());
        }
        script.learn(answer.body)?;
        let at = now();
        if at >= until {
            return Ok((script, counted));
        }
        counted += u32::from(at >= from);
    }
}
