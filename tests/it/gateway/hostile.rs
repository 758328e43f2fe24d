//! Addresses of gateways at which a cloud keeps its secrets, in every way of writing them. (Names that lead there are
//! in `http.rs` and `src/domain/network.rs`.)

use super::vendors::Vendor;
use super::{AMPLE, clock, deadline, send, shown};

const HOSTS: &[(&str, &str)] = &[
    ("metadata", "169.254.169.254"),
    ("in one number", "2852039166"),
    ("in hexadecimal", "0xa9fea9fe"),
    ("in octal", "0251.0376.0251.0376"),
    ("in three parts", "169.254.43518"),
    ("in full width", "１６９.２５４.１６９.２５４"),
    ("metadata by IPv6", "[fd00:ec2::254]"),
    ("mapped", "[::ffff:169.254.169.254]"),
    ("mapped in hexadecimal", "[::ffff:a9fe:a9fe]"),
    ("translated", "[64:ff9b::a9fe:a9fe]"),
    ("link-local", "[fe80::1]"),
    ("metadata of Alibaba", "100.100.100.200"),
    ("nowhere", "0.0.0.0"),
    ("nowhere in one digit", "0"),
];

#[tokio::test]
async fn no_spelling_of_a_metadata_address_is_connected_to() {
    let clock = clock();
    for (what, host) in HOSTS {
        let gateway = Vendor::Twilio.gateway_at(&format!("https://{host}"), "", &clock);
        let outcome = shown(&send(&gateway, &deadline(&clock, AMPLE)).await);
        assert_eq!(outcome, "not_sent address-not-allowed", "{what}");
    }
}
