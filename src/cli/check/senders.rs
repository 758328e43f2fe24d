//! Whether e-mail comes from the merchant's own domain: mail about a bill from another one looks like a fraud.

use crate::config::{Config, GatewayConfig};
use crate::domain::{Channel, Merchant};

/// A remark for each merchant whose mail comes from a domain that is neither that of its links nor of its customer
/// service.
pub(super) fn remarks(config: &Config) -> Vec<String> {
    let mut remarks = Vec::new();
    for (name, gateway) in &config.gateways {
        let GatewayConfig::Smtp(settings) = gateway else { continue };
        for merchant in config.policy.merchants.values() {
            if !config.policy.gateways.of(Channel::Email, &merchant.id).contains(name) {
                continue;
            }
            let own = settings.senders.get(&merchant.id).map(|sender| &sender.from);
            let from = own.unwrap_or(&settings.from).email.domain();
            let known = own_domains(merchant);
            if !known.is_empty() && !known.iter().any(|domain| site(domain) == site(from)) {
                remarks.push(format!(
                    "gateways.{name} sends the mail of merchants.{} from {from}, which is the domain of neither its \
                     links nor its customer service: readers may take it for a fraud; write \
                     [gateways.{name}.senders.{}] with an address of its own",
                    merchant.id, merchant.id
                ));
            }
        }
    }
    remarks
}

/// The domains by which borrowers know a merchant; none where links begin on this machine, for a trial.
fn own_domains(merchant: &Merchant) -> Vec<String> {
    let Some(host) = merchant.link_base.strip_prefix("https://") else { return Vec::new() };
    let support = merchant.support.email.as_ref().and_then(|email| email.as_str().rsplit_once('@'));
    let host = host.split(['/', ':']).next().unwrap_or_default();
    [host].into_iter().chain(support.map(|(_, domain)| domain)).map(str::to_lowercase).collect()
}

/// The part of a host name that belongs to one owner, as far as its form tells: `mall.example` of `pay.mall.example`,
/// and `mall.com.cn` of `pay.mall.com.cn`.
fn site(host: &str) -> String {
    let labels: Vec<_> = host.rsplit('.').collect();
    let is_shared = matches!(&labels[..], [top, second, ..] if top.len() == 2 && second.len() <= 3);
    let kept = labels.len().min(if is_shared { 3 } else { 2 });
    let kept: Vec<_> = labels[..kept].iter().rev().copied().collect();
    kept.join(".").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::site;

    #[test]
    fn a_site_is_what_one_owner_has() {
        for (host, owner) in [
            ("pay.mall.example", "mall.example"),
            ("mall.example", "mall.example"),
            ("pay.mall.com.cn", "mall.com.cn"),
            ("mail.hk.cn", "mail.hk.cn"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(site(host), owner, "{host}");
        }
    }
}
