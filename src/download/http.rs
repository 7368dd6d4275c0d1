//! One question to a server over HTTPS: which addresses are allowed, where redirects may lead, and what errors mean.

use std::{
    io::{self, Read},
    net::IpAddr,
    sync::Once,
};

use ureq::{
    Agent, BodyReader, Timeout,
    http::{HeaderMap, Uri, header, uri::Scheme},
    tls::{RootCerts, TlsConfig},
};

use crate::download::{DownloadError, Limits};

/// More redirects than a mirror needs.
const REDIRECTS: usize = 8;

/// What the server says before the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// 200: the whole file follows. 206: a part. 416: there is no such part.
    pub(super) status: u16,
    /// First byte of what follows, of a part.
    pub(super) start: Option<u64>,
    /// Bytes of the whole file.
    pub(super) total: Option<u64>,
    /// By what the server knows this version of the file.
    pub(super) tag: Option<String>,
}

/// The file's bytes as they come.
pub(super) struct Stream {
    reader: BodyReader<'static>,
    host: String,
    url: String,
    limits: Limits,
}

impl Stream {
    /// Some bytes more; 0 at the end of the connection.
    pub(super) fn read(&mut self, chunk: &mut [u8]) -> Result<usize, DownloadError> {
        loop {
            match self.reader.read(chunk) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whoever counts the bytes finds out whether they were all.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(self.meaning(error)),
            }
        }
    }

    fn meaning(&self, error: io::Error) -> DownloadError {
        match error.downcast::<ureq::Error>() {
            Ok(error) => meaning(error, &self.host, &self.url, self.limits),
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                DownloadError::Stalled { host: self.host.clone(), secs: self.limits.stall.as_secs_f64() }
            }
            Err(error) => DownloadError::Unreachable { host: self.host.clone(), reason: error.to_string() },
        }
    }
}

/// Asks for the file from byte `from` on, if it is still the one that `tag` marks.
pub(super) fn get(url: &str, from: u64, tag: Option<&str>, limits: Limits) -> Result<(Head, Stream), DownloadError> {
    let mut address = allowed(url, None)?;
    for _ in 0..=REDIRECTS {
        let (host, at) = (address.host().unwrap_or_default().to_owned(), address.to_string());
        // The file itself, not a packed form of it: ranges count its own bytes.
        let mut request = agent(&address, limits).get(&address).header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
            if let Some(tag) = tag {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        let response = request.call().map_err(|error| meaning(error, &host, &at, limits))?;
        let (parts, body) = response.into_parts();
        if (300..400).contains(&parts.status.as_u16()) && parts.headers.contains_key(header::LOCATION) {
            let to = text(&parts.headers, &header::LOCATION).unwrap_or_default();
            address = allowed(&joined(&address, &to), Some(&address))?;
            continue;
        }
        let head = head(parts.status.as_u16(), &parts.headers, body.content_length());
        // Without a limit of its own, a body ends at 10 MB.
        let reader = body.into_with_config().limit(u64::MAX).reader();
        return Ok((head, Stream { reader, host, url: at, limits }));
    }
    Err(DownloadError::Redirects { url: url.to_owned(), limit: REDIRECTS })
}

/// Everything over https. Plain http only to this machine itself, and not when sent there by another.
fn allowed(url: &str, sent_by: Option<&Uri>) -> Result<Uri, DownloadError> {
    let insecure = || DownloadError::Insecure { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| insecure())?;
    let plain_is_fine = is_loopback(&uri) && sent_by.is_none_or(|by| by.scheme() == Some(&Scheme::HTTP));
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Ok(uri),
        Some(scheme) if *scheme == Scheme::HTTP && plain_is_fine => Ok(uri),
        _ => Err(insecure()),
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Where a redirect leads, which may be told in full, without the server, or beside the page.
fn joined(base: &Uri, to: &str) -> String {
    let (scheme, authority) = (base.scheme_str().unwrap_or("https"), base.authority().map_or("", |a| a.as_str()));
    if to.contains("://") {
        to.to_owned()
    } else if to.starts_with("//") {
        format!("{scheme}:{to}")
    } else if to.starts_with('/') {
        format!("{scheme}://{authority}{to}")
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{to}")
    }
}

/// Proxies are those of the environment; this machine itself needs none.
fn agent(address: &Uri, limits: Limits) -> Agent {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_per_read(Some(limits.stall))
        .timeout_per_write(Some(limits.stall))
        .timeout_recv_response(Some(limits.stall))
        .user_agent(concat!("dictoscope/", env!("CARGO_PKG_VERSION")));
    if is_loopback(address) { config.proxy(None).build().new_agent() } else { config.build().new_agent() }
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().to_owned())
}

fn head(status: u16, headers: &HeaderMap, length: Option<u64>) -> Head {
    let range = text(headers, &header::CONTENT_RANGE);
    let (start, of) = range.as_deref().map_or((None, None), content_range);
    // A weak mark says that two files mean the same, not that their bytes are the same.
    let etag = text(headers, &header::ETAG).filter(|tag| tag.starts_with('"'));
    let tag = etag.or_else(|| text(headers, &header::LAST_MODIFIED));
    Head { status, start, total: if status == 206 { of } else { length }, tag }
}

/// `bytes 100-199/200`: 100 and 200.
fn content_range(text: &str) -> (Option<u64>, Option<u64>) {
    let Some((span, total)) = text.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')) else {
        return (None, None);
    };
    (span.split_once('-').and_then(|(start, _)| start.parse().ok()), total.parse().ok())
}

fn meaning(error: ureq::Error, host: &str, url: &str, limits: Limits) -> DownloadError {
    let host = host.to_owned();
    match error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            DownloadError::Unreachable { host, reason: format!("no answer in {:.0} s", limits.connect.as_secs_f64()) }
        }
        ureq::Error::Timeout(_) => DownloadError::Stalled { host, secs: limits.stall.as_secs_f64() },
        ureq::Error::Rustls(reason) => DownloadError::Certificate { host, reason: reason.to_string() },
        // What TLS finds wrong comes wrapped into an error of reading.
        ureq::Error::Io(error)
            if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) =>
        {
            DownloadError::Certificate { host, reason: error.to_string() }
        }
        ureq::Error::Io(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl => DownloadError::Unreachable { host, reason: error.to_string() },
        other => DownloadError::Protocol { url: url.to_owned(), reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_be_asked_in_the_clear() {
        for url in ["https://example.org/a", "http://127.0.0.1:8080/a", "http://localhost/a", "http://[::1]:1/a"] {
            assert!(allowed(url, None).is_ok(), "{url}");
        }
        for url in ["http://example.org/a", "http://127.0.0.1.example.org/", "ftp://example.org/a", "a.whl", ""] {
            assert!(matches!(allowed(url, None), Err(DownloadError::Insecure { .. })), "{url}");
        }
        let far = "https://example.org/".parse().unwrap();
        assert!(allowed("http://127.0.0.1/a", Some(&far)).is_err(), "a far server may not send here");
        assert!(allowed("https://other.org/a", Some(&far)).is_ok());
    }

    #[test]
    fn redirects_are_joined() {
        let base: Uri = "https://a.org:8/x/y?z=1".parse().unwrap();
        for (to, whole) in [
            ("https://b.org/q", "https://b.org/q"),
            ("//b.org/q", "https://b.org/q"),
            ("/q", "https://a.org:8/q"),
            ("q", "https://a.org:8/x/q"),
        ] {
            assert_eq!(joined(&base, to), whole);
        }
    }

    #[test]
    fn a_content_range_is_read_or_not() {
        assert_eq!(content_range("bytes 100-199/200"), (Some(100), Some(200)));
        assert_eq!(content_range("bytes 100-199/*"), (Some(100), None));
        assert_eq!(content_range("bytes */200"), (None, Some(200)));
        assert_eq!(content_range("nonsense"), (None, None));
    }

    #[test]
    fn a_weak_mark_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, "W/\"a\"".parse().unwrap());
        assert_eq!(head(200, &headers, Some(3)).tag, None);
        headers.insert(header::LAST_MODIFIED, "Sat, 01 Nov 2025 00:00:00 GMT".parse().unwrap());
        assert!(head(200, &headers, Some(3)).tag.unwrap().starts_with("Sat"));
        headers.insert(header::ETAG, "\"a\"".parse().unwrap());
        assert_eq!(
            head(200, &headers, Some(3)),
            Head { status: 200, start: None, total: Some(3), tag: Some("\"a\"".into()) }
        );
    }
}
