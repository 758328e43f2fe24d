//! Which addresses the daemon connects to: names of gateways and routes come from a config or a command, and where they
//! lead from somebody's DNS. So what a name resolves to is checked right before each connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

/// Addresses with a common beginning, `10.0.0.0/8` or `10.1.2.3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    first: IpAddr,
    prefix: u32,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                agree(first.to_bits().into(), address.to_bits().into(), 32 - self.prefix)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => agree(first.to_bits(), address.to_bits(), 128 - self.prefix),
            _ => false,
        }
    }
}

/// Whether two numbers are alike but for their last bits.
fn agree(one: u128, other: u128, last: u32) -> bool {
    (one ^ other).checked_shr(last).unwrap_or(0) == 0
}

/// A text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write networks such as \"10.0.0.0/8\" or addresses such as \"10.1.2.3\"")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let first: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| NetworkError)?;
        if prefix > longest { Err(NetworkError) } else { Ok(Self { first, prefix }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

/// Whether a connection to `host`, as the config has it, may go to `address`, to which it resolves.
///
/// Public addresses are allowed. An address of this machine or of a private network is allowed where the config itself
/// writes it, as `127.0.0.1`, `localhost` or `10.1.2.3`, or where it lies in one of the `allowed` networks: a name
/// alone could be turned there by whoever answers for it. Link-local addresses and those of a cloud's metadata never
/// are.
#[must_use]
pub fn may_connect(host: &str, address: IpAddr, allowed: &[Network]) -> bool {
    let address = effective(address);
    if never(address) {
        return false;
    }
    let is_written = host.parse().is_ok_and(|written: IpAddr| effective(written) == address);
    let is_this_machine = host.eq_ignore_ascii_case("localhost") && address.is_loopback();
    is_public(address) || is_written || is_this_machine || allowed.iter().any(|network| network.contains(address))
}

/// Whether the way to an address leads out of the machine and its own networks.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = effective(address);
    if never(address) || address.is_loopback() {
        return false;
    }
    match address {
        IpAddr::V4(v4) => {
            // RFC 6598 (carriers), RFC 6890 (protocols), RFC 2544 (benchmarks)
            let shared = [
                (Ipv4Addr::new(100, 64, 0, 0), 10),
                (Ipv4Addr::new(192, 0, 0, 0), 24),
                (Ipv4Addr::new(198, 18, 0, 0), 15),
            ];
            let in_shared = |(first, prefix)| Network { first: IpAddr::V4(first), prefix }.contains(address);
            !v4.is_private() && !shared.into_iter().any(in_shared)
        }
        // RFC 4291: the part of the address space that is given out.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

/// The IPv4 address inside an IPv6 one that leads there: mapped, by NAT64 (RFC 6052) or by 6to4 (RFC 3056).
fn effective(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let inner = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => inner(high, low),
        _ => address,
    }
}

/// Whether no connection is ever made to an address, whoever wrote it: link-local, metadata, multicast, unspecified or
/// reserved.
#[must_use]
pub fn is_never_connected_to(address: IpAddr) -> bool {
    never(effective(address))
}

/// Metadata services of clouds that are not at a link-local address: AWS and Google (IPv6), Alibaba, Oracle, Azure.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

fn never(address: IpAddr) -> bool {
    METADATA.contains(&address)
        || match address {
            // 0.0.0.0/8 is this machine by another name, 240.0.0.0/4 nobody's.
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.octets()[0] == 0 || v4.octets()[0] >= 240,
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
        }
}

#[cfg(test)]
mod tests {
    use super::{Network, may_connect};
    use rstest::rstest;

    #[rstest]
    #[case::public("sms.example.com", "93.184.216.34", true)]
    #[case::public_v6("sms.example.com", "2606:2800::1", true)]
    #[case::written_loopback("127.0.0.1", "127.0.0.1", true)]
    #[case::written_private("10.1.2.3", "10.1.2.3", true)]
    #[case::localhost("localhost", "::1", true)]
    #[case::in_an_allowed_network("smtp.internal", "10.20.0.9", true)]
    #[case::beside_an_allowed_network("smtp.internal", "10.21.0.9", false)]
    #[case::name_to_loopback("sms.example.com", "127.0.0.1", false)]
    #[case::name_to_private("sms.example.com", "192.168.1.1", false)]
    #[case::name_to_carrier("sms.example.com", "100.64.0.1", false)]
    #[case::name_to_unique_local("sms.example.com", "fd00::1", false)]
    #[case::localhost_elsewhere("localhost", "10.0.0.1", false)]
    #[case::another_than_written("10.1.2.3", "10.1.2.4", false)]
    #[case::metadata("169.254.169.254", "169.254.169.254", false)]
    #[case::metadata_of_alibaba("100.100.100.200", "100.100.100.200", false)]
    #[case::metadata_v6("fd00:ec2::254", "fd00:ec2::254", false)]
    #[case::link_local("fe80::1", "fe80::1", false)]
    #[case::unspecified("0.0.0.0", "0.0.0.0", false)]
    #[case::mapped_metadata("sms.example.com", "::ffff:169.254.169.254", false)]
    #[case::mapped_loopback("sms.example.com", "::ffff:127.0.0.1", false)]
    #[case::translated_metadata("sms.example.com", "64:ff9b::a9fe:a9fe", false)]
    #[case::tunnelled_private("sms.example.com", "2002:a00:1::1", false)]
    #[case::multicast("224.0.0.1", "224.0.0.1", false)]
    fn only_addresses_that_are_meant_are_connected_to(
        #[case] host: &str,
        #[case] address: &str,
        #[case] expected: bool,
    ) {
        let allowed: Vec<Network> =
            ["10.20.0.0/16", "169.254.0.0/16"].map(|one| one.parse().expect("a network")).into();
        assert_eq!(may_connect(host, address.parse().expect("an address"), &allowed), expected);
    }

    #[rstest]
    #[case("10.0.0.0/33")]
    #[case("10.0.0/8")]
    #[case("example.com")]
    #[case("10.0.0.0/-1")]
    fn what_is_no_network_is_refused(#[case] text: &str) {
        assert!(text.parse::<Network>().is_err());
    }

    #[test]
    fn a_network_may_be_everything_or_one_address() {
        let network = |text: &str| text.parse::<Network>().expect("a network");
        let address = "203.0.113.9".parse().expect("an address");
        assert!(network("0.0.0.0/0").contains(address) && network("203.0.113.9").contains(address));
        assert!(!network("203.0.113.8").contains(address) && !network("::/0").contains(address));
    }
}
