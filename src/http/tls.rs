//! TLS 1.2 and 1.3: certificates from files, taken in anew when they change, or ordered and renewed
//! by the shop itself (ACME). HTTP/2 for whoever asks for it (ALPN).
//!
//! A certificate is taken in for new connections; those that stand go on. Files that do not belong
//! together, as halfway through a change, are left and looked at again.

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier};
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// Where the certificate is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSettings {
    /// PEM files: the certificate with those that lead to its root, and its key. Looked at again
    /// every `look_every`.
    Files { certificate: PathBuf, key: PathBuf, look_every: Duration },
    /// Ordered by the shop for these domains, by the challenge TLS-ALPN-01 (RFC 8737), and kept in
    /// `folder`.
    Acme { domains: Vec<String>, contact: Vec<String>, staging: bool, folder: PathBuf },
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{} cannot be read", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} has no PEM that can be read: {detail}", .path.display())]
    Pem { path: PathBuf, detail: String },
    #[error("the certificate cannot be used with its key")]
    Pair(#[from] rustls::Error),
    #[error("this program was built without certificates by ACME; build it with the feature acme")]
    NoAcme,
}

/// The shop's side of TLS. Cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    config: ArcSwap<ServerConfig>,
    files: Option<Files>,
    #[cfg(feature = "acme")]
    acme: Option<acme::Acme>,
}

/// The files that the certificate is from.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    look_every: Duration,
    /// What was in them when they were last looked at.
    last: tokio::sync::Mutex<Pair>,
}

#[derive(Default, PartialEq, Eq)]
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// Reads the files, or prepares to order a certificate.
    pub async fn open(settings: TlsSettings) -> Result<Tls, TlsError> {
        match settings {
            TlsSettings::Files { certificate, key, look_every } => {
                let files = Files { certificate, key, look_every, last: Default::default() };
                let pair = files.read().await?;
                let config = files.config(&pair)?;
                *files.last.lock().await = pair;
                Ok(Tls(Arc::new(Shared {
                    config: ArcSwap::new(config),
                    files: Some(files),
                    #[cfg(feature = "acme")]
                    acme: None,
                })))
            }
            #[cfg(feature = "acme")]
            TlsSettings::Acme { domains, contact, staging, folder } => {
                let acme = acme::Acme::prepare(domains, contact, staging, &folder)?;
                let config = with_alpn(builder()?.with_cert_resolver(acme.resolver()));
                let config = ArcSwap::new(config);
                Ok(Tls(Arc::new(Shared { config, files: None, acme: Some(acme) })))
            }
            #[cfg(not(feature = "acme"))]
            TlsSettings::Acme { .. } => Err(TlsError::NoAcme),
        }
    }

    /// Shakes hands with a client.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        #[cfg(feature = "acme")]
        if let Some(acme) = &self.0.acme
            && let Some(challenge) = acme.challenge(&start.client_hello())
        {
            // The handshake is the whole answer.
            start.into_stream(challenge).await?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        start.into_stream(self.0.config.load_full()).await
    }

    /// Keeps the certificate as it should be, as long as it is polled.
    pub(super) async fn keep_fresh(&self) -> Infallible {
        #[cfg(feature = "acme")]
        if let Some(acme) = &self.0.acme {
            acme.keep_fresh().await;
        }
        let Some(files) = &self.0.files else { return std::future::pending().await };
        loop {
            tokio::time::sleep(files.look_every).await;
            match files.changed().await {
                Ok(None) => {}
                Ok(Some(config)) => {
                    self.0.config.store(config);
                    tracing::info!("a new certificate is in use");
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the old certificate stays in use");
                }
            }
        }
    }
}

impl Files {
    async fn read(&self) -> Result<Pair, TlsError> {
        let read = async |path: &PathBuf| {
            let bytes = tokio::fs::read(path).await;
            bytes.map_err(|source| TlsError::Read { path: path.clone(), source })
        };
        Ok(Pair { certificate: read(&self.certificate).await?, key: read(&self.key).await? })
    }

    /// A new configuration where the files have changed. What was found to be unfit is not looked
    /// at again until it changes.
    async fn changed(&self) -> Result<Option<Arc<ServerConfig>>, TlsError> {
        let pair = self.read().await?;
        let mut last = self.last.lock().await;
        if pair == *last {
            return Ok(None);
        }
        let config = self.config(&pair);
        *last = pair;
        config.map(Some)
    }

    fn config(&self, pair: &Pair) -> Result<Arc<ServerConfig>, TlsError> {
        let fault = |path: &PathBuf, detail: String| TlsError::Pem { path: path.clone(), detail };
        let certificates = CertificateDer::pem_slice_iter(&pair.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| fault(&self.certificate, error.to_string()))?;
        if certificates.is_empty() {
            return Err(fault(&self.certificate, "it has no certificate".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(&pair.key)
            .map_err(|error| fault(&self.key, error.to_string()))?;
        Ok(with_alpn(builder()?.with_single_cert(certificates, key)?))
    }
}

type Builder = ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>;

fn builder() -> Result<Builder, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder: ConfigBuilder<ServerConfig, WantsVerifier> =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    Ok(builder.with_no_client_auth())
}

fn with_alpn(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

#[cfg(feature = "acme")]
mod acme {
    //! Certificates that the shop orders itself. A task of its own orders and renews; what it got is
    //! kept in a folder that only its owner can read.

    use super::TlsError;
    use futures_util::StreamExt;
    use rustls::ServerConfig;
    use rustls::server::ClientHello;
    use rustls_acme::caches::DirCache;
    use rustls_acme::{AcmeConfig, AcmeState, ResolvesServerCertAcme, is_tls_alpn_challenge};
    use std::fs::DirBuilder;
    use std::io;
    use std::os::unix::fs::DirBuilderExt;
    use std::path::Path;
    use std::sync::Arc;
    use tokio::sync::Mutex;

    pub(super) struct Acme {
        state: Mutex<AcmeState<io::Error>>,
        resolver: Arc<ResolvesServerCertAcme>,
        challenge: Arc<ServerConfig>,
    }

    impl Acme {
        pub fn prepare(
            domains: Vec<String>,
            contact: Vec<String>,
            staging: bool,
            folder: &Path,
        ) -> Result<Acme, TlsError> {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|source| TlsError::Read { path: folder.to_owned(), source })?;
            let config = AcmeConfig::new(domains)
                .contact(contact)
                .cache(DirCache::new(folder.to_owned()))
                .directory_lets_encrypt(!staging);
            let state = config.state();
            let (resolver, challenge) = (state.resolver(), state.challenge_rustls_config());
            Ok(Acme { state: Mutex::new(state), resolver, challenge })
        }

        #[cfg(test)]
        pub fn challenge_protocols(&self) -> &[Vec<u8>] {
            &self.challenge.alpn_protocols
        }

        pub fn resolver(&self) -> Arc<ResolvesServerCertAcme> {
            Arc::clone(&self.resolver)
        }

        /// How to answer a client that is the issuer, looking whether the domain is ours.
        pub fn challenge(&self, hello: &ClientHello) -> Option<Arc<ServerConfig>> {
            is_tls_alpn_challenge(hello).then(|| Arc::clone(&self.challenge))
        }

        pub async fn keep_fresh(&self) {
            let mut state = self.state.lock().await;
            while let Some(event) = state.next().await {
                match event {
                    Ok(done) => tracing::info!(event = ?done, "certificate"),
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(
                            error,
                            "no certificate could be ordered; it is tried again"
                        );
                    }
                }
            }
        }
    }
}

/// A connection's bytes, with or without TLS.
pub enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Line::Tls(_))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Line::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Line::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Line::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Line::Plain(stream) => stream.is_write_vectored(),
            Line::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Line::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Line::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Line::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn certify() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["shop.example".to_owned()]).unwrap();
        (made.cert.pem(), made.key_pair.serialize_pem())
    }

    fn write(folder: &Path, certificate: &str, key: &str) {
        std::fs::write(folder.join("cert.pem"), certificate).unwrap();
        std::fs::write(folder.join("key.pem"), key).unwrap();
    }

    fn files(folder: &Path) -> Files {
        let look_every = Duration::from_secs(1);
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        Files { certificate, key, look_every, last: Default::default() }
    }

    #[tokio::test]
    async fn files_are_taken_in_when_they_changed_and_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (certify(), certify());
        let files = files(folder.path());
        assert!(matches!(files.changed().await, Err(TlsError::Read { .. })));
        write(folder.path(), &one.0, &one.1);
        assert!(files.changed().await.unwrap().is_some());
        assert!(files.changed().await.unwrap().is_none());
        // Halfway through a change.
        write(folder.path(), &other.0, &one.1);
        assert!(matches!(files.changed().await, Err(TlsError::Pair(_))));
        assert!(files.changed().await.unwrap().is_none());
        write(folder.path(), &other.0, &other.1);
        assert!(files.changed().await.unwrap().is_some());
        for (certificate, key) in [("", &*other.1), ("no PEM", &*other.1), (&*other.0, "")] {
            write(folder.path(), certificate, key);
            assert!(
                matches!(files.changed().await, Err(TlsError::Pem { .. })),
                "{certificate}{key}"
            );
        }
    }

    #[cfg(feature = "acme")]
    #[tokio::test]
    async fn what_is_ordered_is_kept_where_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("acme");
        let settings = TlsSettings::Acme {
            domains: vec!["shop.example".into()],
            contact: vec![],
            staging: true,
            folder: folder.clone(),
        };
        let tls = Tls::open(settings).await.unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        // The issuer is answered by the challenge's protocol, everybody else by the web's.
        let challenge = tls.0.acme.as_ref().unwrap().challenge_protocols();
        assert_eq!(challenge, [b"acme-tls/1"]);
        assert_eq!(tls.0.config.load().alpn_protocols, [&b"h2"[..], b"http/1.1"]);
    }
}
