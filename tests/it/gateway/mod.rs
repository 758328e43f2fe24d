//! Gateways against peers that behave and peers that do not. What every end has to hold stands in [`every_end`]; what
//! is an end's own stands beside it.

mod any_vendor;
pub(crate) mod callbacks;
mod capture;
mod credentials;
mod email;
mod every_end;
mod hostile;
mod http;
mod returned;
mod secrecy;
mod smtp;
pub(crate) mod vendors;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use dueherald::clock::{Clock, Deadline, SimClock};
use dueherald::domain::{
    Address, Channel, EmailAddress, EmailParts, GatewayName, Locale, Merchant, MerchantId, Message, Outcome, Phone,
    RegisteredSms, RejectScope, SmsText, Support,
};
use dueherald::gateway::capture::{CaptureGateway, CaptureSettings};
use dueherald::gateway::sms::SmsGateway;
use dueherald::gateway::sms::http::HttpSettings;
use dueherald::gateway::smtp::{SmtpGateway, SmtpSettings};
use dueherald::gateway::{Gateway, Handover};

const PHONE: &str = "+8613800138000";
const EMAIL: &str = "zhang.san@borrower.example";
const REFERENCE: &str = "Zm9vYmFyLXJlZmVyZW5jZQ";
const UNSUBSCRIBE: &str = "https://repay.mall.example/u/ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw";
const SMS: &str =
    "您有一笔128.50元账单将于11月25日到期，请登录商城金融App还款：https://pay.mall.example/r/tok3n & more+";
/// Longer than any call in a test takes; no test waits for it.
const AMPLE: Duration = Duration::from_secs(60);

fn merchant() -> Merchant {
    Merchant {
        id: MerchantId::new("mall").expect("an id"),
        name: "示例商城".into(),
        signature: "示例商城".into(),
        app_name: "商城金融".into(),
        locale: Locale::new("zh-CN").expect("a locale"),
        time_zone: chrono_tz::Asia::Shanghai,
        country: "CN".into(),
        countries: Vec::new(),
        jurisdiction: "cn".parse().expect("a jurisdiction"),
        discreet: false,
        amount_unit: Default::default(),
        stopped: false,
        link_base: "https://pay.mall.example".into(),
        bare_links: false,
        support: Support {
            phone: Some("95188".into()),
            email: Some(EmailAddress::new("help@mall.example").expect("an address")),
            hours: None,
        },
    }
}

fn email() -> Message {
    Message::Email(EmailParts {
        subject: "您的分期账单将于11月25日到期".into(),
        text: format!("张三，您好：\n\n{SMS}\n.\n.一个点开头的行\n"),
        html: format!("<p>张三，您好：</p>\n<p>{}</p>\n", SMS.replace('&', "&amp;")),
        unsubscribe: Some(UNSUBSCRIBE.into()),
    })
}

pub(crate) fn clock() -> SimClock {
    SimClock::at("2026-11-22T04:00:00Z".parse::<DateTime<Utc>>().expect("a time"))
}

fn name(text: &str) -> GatewayName {
    GatewayName::new(text).expect("a name")
}

fn deadline(clock: &SimClock, after: Duration) -> Deadline {
    Deadline::new(Arc::new(clock.clone()), clock.elapsed(), after)
}

/// A gateway to a peer on this machine, by the settings that a config would hold.
fn smtp_gateway(port: u16, clock: &SimClock, more: &str) -> SmtpGateway {
    let text = format!("host = '127.0.0.1'\nport = {port}\nfrom = 'Mall <repay@mall.example>'\n{more}");
    let settings: SmtpSettings = toml::from_str(&text).expect("settings");
    SmtpGateway::new(name("mail"), settings, Arc::new(clock.clone())).expect("a gateway")
}

fn http_gateway(text: &str, clock: &SimClock) -> SmsGateway {
    let settings: HttpSettings = toml::from_str(text).expect("settings");
    SmsGateway::http(name("sms"), settings, None, Arc::new(clock.clone())).expect("a gateway")
}

fn capture_gateway(channel: Channel, folder: Option<&std::path::Path>, clock: &SimClock) -> CaptureGateway {
    let link_mode = dueherald::domain::LinkMode::Personal;
    let settings = CaptureSettings { channel, link_mode, folder: folder.map(Into::into) };
    CaptureGateway::new(name("capture"), settings, Arc::new(clock.clone()))
}

/// Kannel's `sendsms`, as in the documentation of the gateway.
fn kannel(port: u16) -> String {
    format!(
        "url = 'http://127.0.0.1:{port}/cgi-bin/sendsms'\nmethod = 'GET'\naccept = {{ status = 202, body = '^[03]:' \
         }}\n\
        [query]\nusername = 'tester'\npassword = 'open sesame'\nto = '{{{{ to }}}}'\ntext = '{{{{ text }}}}'\n\
        charset = 'UTF-8'\ncoding = '2'\n"
    )
}

/// A text, or the values of an approved template.
fn sms(gateway: &dyn Gateway) -> Message {
    if gateway.registered().is_none() {
        return Message::Sms(SmsText(SMS.into()));
    }
    let values = [("amount", "128.50元"), ("date", "11月25日")];
    Message::Registered(RegisteredSms {
        code: "SMS_154950909".into(),
        sign_name: "示例商城".into(),
        parameters: values.map(|(name, value)| (name.into(), value.into())).to_vec(),
        text: "【示例商城】您的128.50元账单将于11月25日到期".into(),
    })
}

/// Hands one message over, to the address and with the message that suit the gateway's channel.
async fn send_to(gateway: &dyn Gateway, to: &str, reference: &str, deadline: &Deadline) -> Outcome {
    let (to, message) = match gateway.channel() {
        Channel::Sms => (Address::Phone(Phone::new(to).expect("a phone")), sms(gateway)),
        Channel::Email => (Address::Email(EmailAddress::new(to).expect("an address")), email()),
    };
    let handover = Handover { merchant: &merchant(), to: &to, message: &message, reference, attempt: 1, deadline };
    gateway.send(&handover).await
}

async fn send(gateway: &dyn Gateway, deadline: &Deadline) -> Outcome {
    let to = match gateway.channel() {
        Channel::Sms => PHONE,
        Channel::Email => EMAIL,
    };
    send_to(gateway, to, REFERENCE, deadline).await
}

/// An outcome in one line.
fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { provider_id: Some(id) } => format!("accepted {id}"),
        Outcome::Accepted { provider_id: None } => "accepted".into(),
        Outcome::Rejected { code, scope: RejectScope::Gateway } => format!("rejected gateway {code}"),
        Outcome::Rejected { code, scope: RejectScope::Recipient } => format!("rejected recipient {code}"),
        Outcome::Rejected { code, scope: RejectScope::Content } => format!("rejected content {code}"),
        Outcome::Rejected { code, scope: RejectScope::OptedOut } => format!("rejected opted_out {code}"),
        Outcome::RetryAfter { code, after: Some(after) } => format!("retry_after {code} {}s", after.num_seconds()),
        Outcome::RetryAfter { code, after: None } => format!("retry_after {code}"),
        Outcome::NotSent { code } => format!("not_sent {code}"),
        Outcome::Unknown { code } => format!("unknown {code}"),
    }
}
