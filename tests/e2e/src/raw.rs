//! Requests that go out as they are written, and whose answer is read whenever it comes. A client library would tidy the
//! target up, and would give up on a body that the server has refused to read to its end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::answer::Answer;
use crate::failure::{Failure, Result};
use crate::request::Request;

const PATIENCE: Duration = Duration::from_mins(1);

/// Sends the request behind the base URL's own path, on a connection of its own.
pub fn send(base: &str, request: &Request) -> Result<Answer> {
    let uri: Uri = base.parse().map_err(http::Error::from)?;
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let address = if uri.port().is_some() { authority.clone() } else { format!("{authority}:80") };
    let (method, prefix, path) = (&request.method, uri.path().trim_end_matches('/'), &request.path);
    let mut head = format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in &request.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if let Some(body) = &request.body {
        head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(head.as_bytes())?;
    // A server may answer before it has read everything, and close.
    let sent = stream.write_all(request.body.as_deref().unwrap_or_default());
    match receive(&mut stream) {
        bytes if bytes.is_empty() => {
            Err(sent.err().unwrap_or_else(|| ErrorKind::UnexpectedEof.into()).into())
        }
        bytes => read(&bytes, format!("{method} {path}")),
    }
}

/// What comes until the connection ends, in whichever way.
fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is kept; whether it is an answer shows when it is read.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

fn read(bytes: &[u8], asked: String) -> Result<Answer> {
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
    let chunked = headers.get("transfer-encoding").is_some_and(|value| value == "chunked");
    let body =
        if chunked { unchunk(rest).ok_or_else(|| unreadable("a chunk is cut off"))? } else { rest.to_vec() };
    Ok(Answer { asked, status, headers, body })
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

    #[test]
    fn an_answer_is_read_with_every_header_by_itself() {
        let text =
            b"HTTP/1.1 404 Not Found\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n{\"code\":\"not_found\"}";
        let answer = read(text, "GET /".to_owned()).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
        assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    }

    #[test]
    fn chunks_are_put_together_and_a_lost_end_is_noticed() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let whole = format!("{head}3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n");
        assert_eq!(read(whole.as_bytes(), String::new()).unwrap().body, b"abc0123456789");
        let cut = format!("{head}3\r\nabc\r\nA\r\n0123");
        assert!(read(cut.as_bytes(), String::new()).is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\n", String::new()).is_err());
    }
}
