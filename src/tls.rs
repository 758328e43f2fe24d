//! Level 1: TLS 1.2 and 1.3 with ring, for every connection to another machine, and the certificate authorities that
//! such a connection trusts.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A certificate in a `ca_pem` of the config cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ca_pem holds a certificate that cannot be read")]
pub struct UnreadableCertificate;

/// The authorities in `ca_pem` and no others, or else those of the machine.
///
/// # Errors
/// When a certificate in `ca_pem` cannot be read.
pub fn authorities(ca_pem: Option<&str>) -> Result<RootCertStore, UnreadableCertificate> {
    let Some(pem) = ca_pem else { return Ok(machine_authorities()) };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let sound = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        sound.ok_or(UnreadableCertificate)?;
    }
    Ok(roots)
}

/// The authorities that the machine trusts; none if it has no list. Reading some hundred certificates takes time, so it
/// is done once in a process.
#[must_use]
pub fn machine_authorities() -> RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    };
    ROOTS.get_or_init(read).clone()
}

/// The settings of a client that trusts these authorities.
#[must_use]
pub fn client_config(authorities: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring carries the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(authorities)
        .with_no_client_auth()
}
