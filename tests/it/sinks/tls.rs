//! Certificates that last as long as the test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// A certificate authority and the configuration of a server that it vouches for.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    /// For a client that is to trust the server.
    pub(crate) ca_pem: String,
    /// For the server, which is `names`.
    pub(crate) server: Arc<ServerConfig>,
}

impl Authority {
    /// Vouches for a server that is called so.
    pub(crate) fn of(name: &str) -> Self {
        Self::vouching(CertificateParams::new(vec![name.to_owned()]).expect("a name"))
    }

    /// Vouched for a server that is called so, until the end of 2020.
    pub(crate) fn expired(name: &str) -> Self {
        let mut leaf = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 12, 31));
        Self::vouching(leaf)
    }

    fn vouching(leaf: CertificateParams) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        // rustls refuses a server that shows a certificate authority's own certificate, so there are two.
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).expect("self-signed").pem();
        let key = KeyPair::generate().expect("a key");
        let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).expect("signed");
        let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .expect("a certificate with its key");
        Self { ca_pem, server: Arc::new(server) }
    }

    /// Vouches for 127.0.0.1.
    pub(crate) fn local() -> Self {
        Self::of("127.0.0.1")
    }
}
