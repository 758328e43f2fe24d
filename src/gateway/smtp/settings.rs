//! Settings of SMTP gateways.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::extension::ClientId;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use crate::domain::{LinkMode, MerchantId, Network};
use crate::gateway::mail::{Dkim, DkimSettings, LONGEST_LOCAL_PART};
use crate::gateway::{GatewayError, OneOrMore, SettingsProblem};

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// In the clear: for a relay on this machine.
    None,
    /// TLS that is asked for in the clear. Required: where the server does not offer it, nothing is sent.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Mail server credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// Its password; while it is changed, the new one and the old one.
    pub password: OneOrMore<SecretString>,
}

/// Where bounces and complaints are read from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounces {
    /// The Maildir that the mail server delivers them into: the folder that holds `new` and `cur`.
    pub maildir: PathBuf,
}

/// The sender of one merchant's mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSender {
    /// Its address; see [`SmtpSettings::from`].
    #[serde(deserialize_with = "mailbox")]
    pub from: Mailbox,
    /// Where answers go; to the merchant's customer service unless said otherwise.
    #[serde(default, deserialize_with = "reply_to")]
    pub reply_to: Option<Mailbox>,
    /// With which key its messages are signed. Without one the gateway's signs them, which has to be for the domain of
    /// this address.
    #[serde(default)]
    pub dkim: Option<OneOrMore<DkimSettings>>,
}

/// A `[gateways.*]` section of kind `smtp`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The mail server; its certificate has to name it.
    pub host: String,
    /// Its port; 587 with `starttls`, 465 with `tls`, 25 with `none`, unless said otherwise.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the way there is protected.
    #[serde(default)]
    pub security: Security,
    /// Whether mail may go to another host in the clear, with `security = "none"`.
    #[serde(default)]
    pub allow_plaintext: bool,
    /// Account and password; none for a relay that knows us by our address. A list while the account is changed.
    #[serde(default)]
    pub credentials: Option<OneOrMore<Credentials>>,
    /// The sender, `Mall <repay@mall.example>`. Borrowers see the merchant's name before this address; the name here is
    /// for a merchant without one.
    #[serde(deserialize_with = "mailbox")]
    pub from: Mailbox,
    /// The merchants whose mail is from an address of their own.
    #[serde(default)]
    pub senders: BTreeMap<MerchantId, MailSender>,
    /// Where bounces go: `bounce@mall.example` makes `bounce+REFERENCE@mall.example` of it, which that mailbox has to
    /// take. To `from` unless said otherwise.
    #[serde(default, deserialize_with = "address")]
    pub return_path: Option<Address>,
    /// Where they are read from.
    #[serde(default)]
    pub bounces: Option<Bounces>,
    /// With which key messages are signed; none where the mail server signs them. Of several, the first that is valid
    /// at the time.
    #[serde(default)]
    pub dkim: Option<OneOrMore<DkimSettings>>,
    /// Private networks in which the host may lie, where it is given by name.
    #[serde(default)]
    pub allowed_networks: Vec<Network>,
    /// PEM text of the certificate authorities to trust instead of the machine's.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// How long connecting may take, from the look-up of the name to the last word of AUTH.
    #[serde(default = "connect_timeout", with = "crate::domain::duration")]
    pub connect_timeout: Duration,
    /// How long the server may take to answer one command, the message itself included.
    #[serde(default = "command_timeout", with = "crate::domain::duration")]
    pub command_timeout: Duration,
    /// How long a connection is kept for the next message. Less than the server's patience (Postfix: 300 s, 10 s under
    /// load).
    #[serde(default = "idle_timeout", with = "crate::domain::duration")]
    pub idle_timeout: Duration,
    /// How many connections may be open at once; so many messages are in flight at once.
    #[serde(default = "max_connections")]
    pub max_connections: usize,
    /// Whether a message leaves in one go with its sender and recipient where the server offers that (CHUNKING, RFC
    /// 3030). `false` for one that offers it and cannot do it: a relay behind a firewall that rewrites SMTP, for
    /// example.
    #[serde(default = "chunking")]
    pub chunking: bool,
    /// The name in EHLO; the machine's name unless said otherwise.
    #[serde(default)]
    pub hello_name: Option<String>,
    /// The kind of link that it lets through.
    #[serde(default)]
    pub link_mode: LinkMode,
}

impl SmtpSettings {
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::None => 25,
            Security::StartTls => 587,
            Security::Tls => 465,
        })
    }

    /// All pairs of account and password, in the order of the config.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        let accounts = self.credentials.iter().flat_map(OneOrMore::all);
        accounts.flat_map(|account| account.password.all().iter().map(|password| (&*account.username, password)))
    }

    /// The keys that sign the mail of a sender.
    pub(super) fn dkim_of<'s>(&'s self, sender: &'s MailSender) -> Option<&'s OneOrMore<DkimSettings>> {
        sender.dkim.as_ref().or(self.dkim.as_ref())
    }

    /// The name for EHLO.
    pub(super) fn hello(&self) -> Result<ClientId, GatewayError> {
        match self.hello_name.as_deref() {
            None => Ok(ClientId::default()),
            Some(name) if is_host_name(name) => Ok(ClientId::Domain(name.to_owned())),
            Some(_) => Err(GatewayError::Settings("hello_name has to be a host name such as mail.mall.example".into())),
        }
    }

    /// The first of [`Self::problems`].
    ///
    /// # Errors
    /// [`GatewayError::Settings`].
    pub fn check(&self) -> Result<(), GatewayError> {
        self.problems().into_iter().next().map_or(Ok(()), |problem| Err(problem.into()))
    }

    /// Checks the rules that serde cannot express: settings that contradict each other, and keys that cannot sign.
    #[must_use]
    pub fn problems(&self) -> Vec<SettingsProblem> {
        let mut problems = Vec::new();
        let mut note = |key: &str, text: String| problems.push(SettingsProblem { key: key.to_owned(), text });
        if let Some(problem) = dkim_problem(self.dkim.as_ref(), &self.from) {
            note("dkim", problem);
        }
        for (merchant, sender) in &self.senders {
            if let Some(problem) = sender.dkim.as_ref().and_then(|dkim| dkim_problem(Some(dkim), &sender.from)) {
                note(&format!("senders.{merchant}.dkim"), problem);
            } else if sender.dkim.is_none() && !signs_for(self.dkim.as_ref(), &sender.from) {
                let domain = sender.from.email.domain();
                note(
                    &format!("senders.{merchant}"),
                    format!(
                        "has an address at {domain}, for which the gateway's own dkim.domain cannot sign; write dkim \
                         for this sender as well"
                    ),
                );
            }
        }
        if !is_host_name(&self.host) {
            note("host", "has to be a host name or an IP address, without a port".to_owned());
        }
        if !(1..=1000).contains(&self.max_connections) {
            note("max_connections", "has to be between 1 and 1000".to_owned());
        }
        let is_open = self.security == Security::None && !is_loopback(&self.host);
        if is_open && self.credentials.is_some() {
            let text = "would travel in the clear: set security to \"starttls\" or \"tls\", or take them away";
            note("credentials", text.to_owned());
        } else if is_open && !self.allow_plaintext {
            let text = "lets mail travel in the clear to another host: write \"starttls\" or \"tls\", or set \
                        allow_plaintext to true if the way is protected otherwise";
            note("security", text.to_owned());
        }
        if self.return_path.as_ref().is_some_and(|path| path.user().len() > LONGEST_LOCAL_PART) {
            let text = format!(
                "has more than {LONGEST_LOCAL_PART} characters before the @: no room is left for the reference; choose \
                 a shorter address"
            );
            note("return_path", text);
        }
        if self.hello().is_err() {
            note("hello_name", "has to be a host name such as mail.mall.example".to_owned());
        }
        problems
    }
}

/// Whether mail from this address is signed by one of these keys, or by none because there are none.
fn signs_for(dkim: Option<&OneOrMore<DkimSettings>>, from: &Mailbox) -> bool {
    dkim.is_none_or(|dkim| dkim.all().iter().all(|dkim| dkim.is_for(from.email.domain())))
}

fn dkim_problem(dkim: Option<&OneOrMore<DkimSettings>>, from: &Mailbox) -> Option<String> {
    let all = dkim.map_or(&[][..], OneOrMore::all);
    if let Some(error) = all.iter().find_map(|settings| Dkim::new(settings).err()) {
        return Some(error.to_string());
    }
    if all.last().is_some_and(|last| last.valid_from.is_some()) {
        let text = "has a valid_from in its last entry: nothing would be signed before; take it away, or put the key \
                    in use behind it";
        return Some(text.to_owned());
    }
    (!signs_for(dkim, from)).then(|| {
        "has a dkim.domain that is not the domain of `from`: receivers would not count the signature; use the same \
         domain"
            .to_owned()
    })
}

fn is_host_name(text: &str) -> bool {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (1..=253).contains(&text.len()) && text.bytes().all(kept)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn mailbox<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mailbox, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom("write an address such as \"Mall <repay@mall.example>\""))
}

fn reply_to<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mailbox>, D::Error> {
    mailbox(deserializer).map(Some)
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| de::Error::custom("write a bare address such as \"bounce@mall.example\""))
}

fn connect_timeout() -> Duration {
    Duration::from_secs(10)
}

fn command_timeout() -> Duration {
    Duration::from_secs(30)
}

fn idle_timeout() -> Duration {
    Duration::from_secs(8)
}

fn chunking() -> bool {
    true
}

fn max_connections() -> usize {
    4
}

#[cfg(test)]
mod tests {
    use super::{Security, SmtpSettings};
    use rstest::rstest;

    const LEAST: &str = "host = 'mail.example'\nfrom = 'Mall <repay@mall.example>'\n";

    fn read(text: &str) -> Result<SmtpSettings, toml::de::Error> {
        toml::from_str(&format!("{LEAST}{text}"))
    }

    #[test]
    fn two_lines_make_a_safe_gateway() {
        let settings = read("").unwrap();
        assert_eq!((settings.security, settings.port()), (Security::StartTls, 587), "never in the clear by default");
        assert!(settings.check().is_ok());
        assert_eq!(read("security = 'tls'").unwrap().port(), 465);
        assert_eq!(read("security = 'tls'\nport = 2465").unwrap().port(), 2465);
    }

    #[rstest]
    #[case::unknown_key("pasword = 'x'", "pasword")]
    #[case::no_unit("command_timeout = '30'", "90s")]
    #[case::no_address("credentials = { username = 'a' }", "password")]
    #[case::bad_security("security = 'opportunistic'", "starttls")]
    fn mistakes_are_named(#[case] text: &str, #[case] named: &str) {
        let problem = read(text).unwrap_err().to_string();
        assert!(problem.contains(named), "{problem}");
    }

    #[test]
    fn a_password_never_travels_in_the_clear_beyond_this_machine() {
        let credentials = "security = 'none'\ncredentials = { username = 'a', password = 'open sesame' }";
        let settings = read(credentials).unwrap();
        assert!(settings.check().is_err());
        assert!(!format!("{settings:?}").contains("sesame"), "Debug hides the password");
        assert!(SmtpSettings { allow_plaintext: true, ..settings.clone() }.check().is_err(), "never a password");
        assert!(SmtpSettings { host: "127.0.0.1".into(), ..settings.clone() }.check().is_ok());
        let bare = SmtpSettings { credentials: None, ..settings };
        assert!(bare.check().is_err_and(|error| error.to_string().contains("allow_plaintext")));
        assert!(SmtpSettings { allow_plaintext: true, ..bare }.check().is_ok());
    }

    #[rstest]
    #[case("a\r\nRCPT TO:<b>")]
    #[case("")]
    #[case("two words")]
    fn a_hello_name_is_one_word(#[case] name: &str) {
        let settings = SmtpSettings { hello_name: Some(name.into()), ..read("").unwrap() };
        assert!(settings.hello().is_err());
    }
}
