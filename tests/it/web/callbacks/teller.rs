//! A gateway whose callbacks are lines: `delivered NUMBER`, `undelivered NUMBER`, `gone NUMBER`, `reply NUMBER TEXT`;
//! `=REFERENCE` in place of a number. Its signature is the word `sound`.

use std::sync::Mutex;

use async_trait::async_trait;
use dueherald::domain::{
    Address, Channel, Code, GatewayName, LinkMode, Outcome, Phone, Reply, Report, ReportSubject, ReportedState,
};
use dueherald::gateway::{
    Callback, CallbackError, CallbackReply, Callbacks, Gateway, GatewayError, Handover, Inquiry, LookUp,
};

#[derive(Debug)]
pub(super) struct Teller {
    name: GatewayName,
    is_proof: bool,
    says: Option<LookUp>,
    urls: Mutex<Vec<String>>,
    inquiries: Mutex<Vec<String>>,
}

pub(super) fn phone() -> Address {
    Address::Phone(Phone::new("+8613800138000").expect("a number"))
}

impl Teller {
    /// Signed, and cannot be asked.
    pub(super) fn new() -> Self {
        Self::named("teller")
    }

    /// The same under another name.
    pub(super) fn named(name: &str) -> Self {
        let name = name.parse().expect("a name");
        Self { name, is_proof: true, says: None, urls: Mutex::default(), inquiries: Mutex::default() }
    }

    /// Says so when it is asked.
    pub(super) fn asked(says: LookUp) -> Self {
        Self { says: Some(says), ..Self::new() }
    }

    /// Does not sign.
    pub(super) fn unproven(self) -> Self {
        Self { is_proof: false, ..self }
    }

    /// The addresses of the callbacks that it received.
    pub(super) fn urls(&self) -> Vec<String> {
        self.urls.lock().expect("no panic").clone()
    }

    /// The numbers that it was asked about.
    pub(super) fn inquiries(&self) -> Vec<String> {
        self.inquiries.lock().expect("no panic").clone()
    }
}

fn about(word: &str) -> ReportSubject {
    match word.strip_prefix('=') {
        Some(reference) => ReportSubject::Reference(reference.to_owned()),
        None => ReportSubject::ProviderId(word.to_owned()),
    }
}

fn report(line: &str) -> Option<Report> {
    let (word, rest) = line.split_once(' ')?;
    let fate = |fate| Some(Report::Fate { about: about(rest), fate, at: None });
    let undelivered = |for_good| ReportedState::Undelivered { code: Some(Code::new("busy")), for_good };
    match word {
        "delivered" => fate(ReportedState::Delivered),
        "undelivered" => fate(undelivered(false)),
        "gone" => fate(undelivered(true)),
        "reply" => {
            let (number, text) = rest.split_once(' ')?;
            let (text, provider_id) = (text.to_owned(), Some(number.to_owned()));
            Some(Report::Reply(Reply {
                from: phone().reveal().to_owned(),
                country: None,
                about: None,
                text,
                at: None,
                provider_id,
            }))
        }
        _ => None,
    }
}

impl Callbacks for Teller {
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError> {
        self.urls.lock().expect("no panic").push(callback.url.to_owned());
        if callback.headers.get("x-signature").is_none_or(|signature| signature != "sound") {
            return Err(CallbackError::Unsigned);
        }
        let query = callback.query.replace('+', " ");
        let body = str::from_utf8(callback.body).map_err(|_| CallbackError::Unreadable)?;
        let text = if body.is_empty() { &query } else { body };
        let lines = text.split('\n').filter(|line| !line.trim().is_empty());
        lines.map(|line| report(line).ok_or(CallbackError::Unreadable)).collect()
    }

    fn answer(&self) -> CallbackReply {
        CallbackReply { content_type: "application/json", body: r#"{"code":0}"# }
    }

    fn is_proof(&self) -> bool {
        self.is_proof
    }
}

#[async_trait]
impl Gateway for Teller {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn link_mode(&self) -> LinkMode {
        LinkMode::Personal
    }

    fn max_in_flight(&self) -> usize {
        1
    }

    async fn send(&self, _: &Handover<'_>) -> Outcome {
        unreachable!("nothing is sent here")
    }

    fn can_be_asked(&self) -> bool {
        self.says.is_some()
    }

    async fn look_up(&self, inquiry: &Inquiry<'_>) -> LookUp {
        assert_eq!(*inquiry.to, phone());
        self.inquiries.lock().expect("no panic").extend(inquiry.provider_id.map(ToOwned::to_owned));
        self.says.clone().expect("it can be asked")
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        Some(self)
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}
