//! The shop behind its own TLS: which versions, which protocols, and a certificate that changes.

use crate::raw::{is_whole, status, told};
use crate::testshop::TestShop;
use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mercat::config::{Config, TlsFiles};
use rustls::pki_types::CertificateDer;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "shop.example";
const ASKED: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: shop.example\r\n\r\n";

/// Writes a new certificate of its own with its key into `folder`.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.key_pair.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    made.cert.der().clone()
}

/// A shop with TLS that looks often whether its files have changed.
async fn secured(change: impl FnOnce(&mut Config)) -> (TestShop, TempDir, CertificateDer<'static>) {
    let files = tempfile::tempdir().unwrap();
    let certificate = certify(files.path());
    let shop = TestShop::with(|config| {
        config.tls.files = Some(TlsFiles {
            certificate: files.path().join("cert.pem"),
            key: files.path().join("key.pem"),
        });
        config.tls.reload_ms = 10;
        change(config);
    });
    (shop.await, files, certificate)
}

/// Connects as a client that trusts this certificate alone.
async fn connect(
    shop: &TestShop,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[version]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(shop.address()).await?;
    TlsConnector::from(Arc::new(config)).connect(NAME.try_into().unwrap(), stream).await
}

/// Asks once over HTTP/1 and gives the head of the answer.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    ask_for(stream, std::str::from_utf8(ASKED).unwrap()).await
}

/// Sends a request and gives the answer, which is one object of JSON.
async fn ask_for(stream: &mut TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_tls_are_spoken_and_browsers_are_told_to_stay() {
    let (shop, _files, certificate) = secured(|_| {}).await;
    for (version, spoken) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut stream = connect(&shop, &certificate, version, &[]).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        let answer = ask(&mut stream).await;
        assert_eq!(status(&answer), Some(200));
        assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_browsers_get_a_cookie_that_stays_on_tls() {
    let known_as = |config: &mut Config| config.public_url = Some("https://shop.example".into());
    let (shop, _files, certificate) = secured(known_as).await;
    let mut stream = connect(&shop, &certificate, &TLS13, &[]).await.unwrap();
    let page = ask_for(&mut stream, "GET /v1/auth/session HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    let page = page.await;
    let cookie = page.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.starts_with("__Host-mercat=mcb_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let token = page.split("\"csrfToken\":\"").nth(1).unwrap().split('"').next().unwrap();
    let login = r#"{"email":"admin@shop.example","password":"correct horse battery staple"}"#;
    let head = format!(
        "POST /v1/auth/session HTTP/1.1\r\nHost: shop.example\r\nOrigin: https://shop.example\r\n\
         Sec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\nX-CSRF-Token: {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{login}",
        login.len()
    );
    let answer = ask_for(&mut stream, &head).await;
    assert_eq!(status(&answer), Some(200), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.starts_with("__Host-mercat=mct_") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_with_whoever_asks_for_it() {
    let (shop, _files, certificate) = secured(|_| {}).await;
    let stream = connect(&shop, &certificate, &TLS13, &[b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let stream = connect(&shop, &certificate, &TLS13, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = |host: Option<&str>| {
        let mut request = Request::get("https://shop.example/v1/products");
        if let Some(host) = host {
            request = request.header("host", host);
        }
        request.body(Body::empty()).unwrap()
    };
    let answer = client.send_request(request(None)).await.unwrap();
    assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    assert!(answer.headers().contains_key("strict-transport-security"));
    // Two names for one request, and the connection goes on for the others.
    let answer = client.send_request(request(Some("other.example"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = client.send_request(request(None)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_without_a_restart_and_old_connections_go_on() {
    let (shop, files, old) = secured(|_| {}).await;
    let mut standing = connect(&shop, &old, &TLS13, &[]).await.unwrap();
    assert_eq!(status(&ask(&mut standing).await), Some(200));
    let new = certify(files.path());
    let mut fresh = loop {
        if let Ok(stream) = connect(&shop, &new, &TLS13, &[]).await {
            break stream;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(fresh.get_ref().1.peer_certificates().unwrap(), [new]);
    assert!(connect(&shop, &old, &TLS13, &[]).await.is_err());
    assert_eq!(status(&ask(&mut fresh).await), Some(200));
    assert_eq!(status(&ask(&mut standing).await), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_shake_hands_is_cut_off() {
    let (shop, _files, certificate) = secured(|config| config.limits.header_ms = 300).await;
    assert_eq!(told(&shop, "").await, "");
    assert_eq!(told(&shop, [0x16, 3, 1, 2, 0, 1]).await, "");
    let plain = told(&shop, ASKED).await;
    assert_eq!(status(&plain), None, "{plain}");
    drop(certificate);
}
