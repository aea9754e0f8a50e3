//! Requests that go out as they are written, and whose answer is read whenever it comes. A client library would tidy the
//! target up, and would give up on a body that the server has refused to read to its end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{Answer, Failure, Request, Result};

const PATIENCE: Duration = Duration::from_mins(1);

/// Sends the request behind the base URL's own path, on a connection of its own.
pub fn send(base: &str, request: &Request) -> Result<Answer> {
    let (address, head) = written(base, request)?;
    let body = request.body.as_deref().unwrap_or_default();
    exchange(&address, head.as_bytes(), body, &format!("{} {}", request.method, request.path))
}

/// Sends the request, and ends the connection with no more than that: its headers may promise a longer body.
pub fn break_off(base: &str, request: &Request) -> Result {
    let (address, head) = written(base, request)?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(request.body.as_deref().unwrap_or_default())?;
    Ok(())
}

/// Where the request goes, and all of it but its body.
fn written(base: &str, request: &Request) -> Result<(String, String)> {
    let uri: Uri = base.parse().map_err(http::Error::from)?;
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let address = if uri.port().is_some() { authority.clone() } else { format!("{authority}:80") };
    let (method, prefix, path) = (&request.method, uri.path().trim_end_matches('/'), &request.path);
    let mut head = format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in &request.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let framed = ["content-length", "transfer-encoding"].iter().any(|name| request.has(name));
    if let Some(body) = request.body.as_ref().filter(|_| !framed) {
        head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    Ok((address, head))
}

/// Sends a request as its bytes are, on a connection of its own, and reads the answer. Errors call the request `asked`.
pub fn exchange(address: &str, head: &[u8], body: &[u8], asked: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(head)?;
    // A server may answer before it has read everything, and close.
    let sent = stream.write_all(body);
    let mut bytes = Vec::new();
    loop {
        let ended = !receive(&mut stream, &mut bytes);
        match read(&bytes, ended, asked) {
            Ok(answer) => return Ok(answer),
            Err(_) if !ended => {}
            Err(unreadable) if !bytes.is_empty() => return Err(unreadable),
            Err(_) => return Err(sent.err().unwrap_or_else(|| ErrorKind::UnexpectedEof.into()).into()),
        }
    }
}

/// Adds what comes next. Whether there may be more: there is none after an end, nor after an error, before which an answer may
/// have come.
fn receive(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut piece = [0; 16 * 1024];
    let read = stream.read(&mut piece).unwrap_or(0);
    bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
    read > 0
}

/// The answer, once all of it is there, whether or not the connection has ended: workerd keeps one for 5 s more that is to be
/// closed (RFC 9112, section 6.3).
fn read(bytes: &[u8], ended: bool, asked: &str) -> Result<Answer> {
    let unreadable = |why: &str| Failure::Failed(format!("{asked}: {why}"));
    let mut parsed = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut parsed);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Err(unreadable("the answer is cut off")),
        Err(error) => return Err(unreadable(&format!("the answer is no HTTP ({error})"))),
    };
    let status = response.code.ok_or_else(|| unreadable("the answer has no status"))?;
    let mut headers = HeaderMap::new();
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(http::Error::from)?;
        headers.append(name, HeaderValue::from_bytes(header.value).map_err(http::Error::from)?);
    }
    let rest = bytes.get(head..).unwrap_or_default();
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        unchunk(rest)
    } else if let Some(length) = length {
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        ended.then(|| rest.to_vec())
    };
    let body = body.ok_or_else(|| unreadable("the answer's body is cut off"))?;
    Ok(Answer { asked: asked.to_owned(), status, headers, body })
}

/// The body of its chunks (RFC 9112, section 7.1).
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return None;
        };
        let size = usize::try_from(size).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(start..)?.get(..size)?);
        rest = rest.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str, ended: bool) -> Result<Answer> {
        read(text.as_bytes(), ended, "GET /")
    }

    #[test]
    fn an_answer_is_read_with_every_header_by_itself() {
        let text =
            "HTTP/1.1 404 Not Found\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n{\"code\":\"not_found\"}";
        let answer = read_all(text, true).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
        assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
        assert!(read_all(text, false).is_err(), "only the end says that nothing more comes");
    }

    #[test]
    fn a_body_ends_with_its_length() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(read_all(&format!("{head}abc"), false).unwrap().body, b"abc");
        assert!(read_all(&format!("{head}ab"), true).is_err());
    }

    #[test]
    fn chunks_are_put_together_and_a_lost_end_is_noticed() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let whole = format!("{head}3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
        assert_eq!(read_all(&whole, false).unwrap().body, b"abc0123456789");
        assert!(read_all(&format!("{head}3\r\nabc\r\nA\r\n0123"), true).is_err());
        assert!(read_all("HTTP/1.1 200 OK\r\n", true).is_err());
    }
}
