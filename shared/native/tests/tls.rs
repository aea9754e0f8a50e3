//! HTTPS with certificates made for the test. It runs on Linux, where an environment variable can name the
//! certificates that the system trusts.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use latchkey_core::port::{Fetch, FetchError};
use latchkey_native::HttpFetch;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Variable with the server's URL, for the run of this test in a process of its own.
const URL: &str = "LATCHKEY_TEST_URL";

async fn get(url: &str) -> Result<Response<Bytes>, FetchError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    HttpFetch::new().fetch(request, Duration::from_mins(1)).await
}

/// Serves `https://127.0.0.1` with `certificate`, and counts the requests that arrive.
async fn serve(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> (SocketAddr, Arc<AtomicUsize>) {
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate disconnects here.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let service = service_fn(|_| async {
                count.fetch_add(1, Ordering::SeqCst);
                io::Result::Ok(Response::new(Full::new(Bytes::new())))
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (address, served)
}

/// The trusted certificates come from the environment, which a test cannot change for itself. The test
/// therefore runs itself again in a process that trusts the server's certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_accepted_where_the_system_trusts_it_and_nowhere_else() {
    if let Ok(url) = std::env::var(URL) {
        assert_eq!(get(&url).await.unwrap().status(), 200);
        return;
    }
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (address, served) = serve(&certificate).await;
    let url = format!("https://{address}/");

    let refused = get(&url).await.unwrap_err();
    assert!(matches!(&refused, FetchError::Connection(why) if why.contains("certificate")), "{refused}");
    assert_eq!(served.load(Ordering::SeqCst), 0);

    let trusted = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(trusted.path(), certificate.cert.pem()).unwrap();
    let again = tokio::task::spawn_blocking(move || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_certificate_is_accepted_where_the_system_trusts_it_and_nowhere_else"])
            .env(URL, url)
            .env("SSL_CERT_FILE", trusted.path())
            .output()
    });
    let again = again.await.unwrap().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn https_never_falls_back_to_plain_http() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/?code=confidential", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let plain = service_fn(|_| async { io::Result::Ok(Response::new(Full::new(Bytes::new()))) });
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), plain).await
    });
    let error = get(&url).await.unwrap_err();
    assert!(matches!(error, FetchError::Connection(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains("confidential"), "{error:?}");
    served.abort();
}
