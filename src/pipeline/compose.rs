//! From a reminder that is to be sent to the message that leaves: the link in the form that the gateway lets through,
//! and the rendered parts.

use std::sync::Arc;

use super::{Registry, RouteSnapshot};
use crate::domain::{
    Borrower, Channel, EmailParts, Installment, LinkMode, Locale, Merchant, Message, RegisteredSms, ReminderId,
    RouteKey, SmsText, TemplateName,
};
use crate::plan::SendPlan;
use crate::render::{LinkKeys, Phase, Purpose, RegisteredTemplates, RenderError, RenderRequest, Renderer, Sample};

/// A message that is ready to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposedMessage {
    /// The rendered message.
    pub message: Message,
    /// To which route it leads by a link that is the same for everybody, and so cannot follow when the route moves.
    pub route: Option<RouteKey>,
}

/// A message of a notice that is asked for before there is one.
#[derive(Debug, Clone, Copy)]
pub struct NoticeSample<'a> {
    /// In whose name.
    pub merchant: &'a Merchant,
    /// The template of the notice.
    pub template: &'a TemplateName,
    /// The channel.
    pub channel: Channel,
    /// The locale of the borrower.
    pub locale: &'a Locale,
    /// How the debt stands to its due date.
    pub phase: Phase,
}

/// Composes messages from templates, links and routes.
#[derive(Debug, Clone)]
pub struct Composer {
    /// The templates.
    pub renderer: Arc<Renderer>,
    /// The keys of personal links.
    pub links: Arc<LinkKeys>,
    /// The ways to repay.
    pub routes: Arc<Registry>,
}

impl Composer {
    /// Renders the message of one reminder; from the approved templates of the gateway, where it takes no others.
    ///
    /// # Errors
    /// When its template does not render, or the message is longer than one may be.
    pub fn compose(
        &self,
        reminder: ReminderId,
        merchant: &Merchant,
        borrower: &Borrower,
        to_send: &SendPlan,
        mode: LinkMode,
        registered: Option<&RegisteredTemplates>,
    ) -> Result<ComposedMessage, RenderError> {
        let seen = self.routes.seen().with_second(to_send.second_route.clone());
        let (link, route) = match mode {
            LinkMode::Personal => (Some(merchant.landing_link(&self.personal_token(reminder))), None),
            LinkMode::Fixed => fixed_link(&seen, &to_send.installments).unzip(),
            LinkMode::None => (None, None),
        };
        let channel = to_send.to.channel();
        let unsubscribe = self.unsubscribe_link(reminder, merchant, channel);
        // Eight rounds of HMAC: not for a message that does not print it. Approved texts are few, and not looked
        // through.
        let is_printed = registered.is_some() || self.renderer.prints_check_code();
        let check_code = if is_printed { self.links.check_code(reminder) } else { None };
        let request = RenderRequest {
            merchant,
            borrower,
            installments: &to_send.installments,
            template: to_send.template.as_ref(),
            no_other_template: to_send.no_other_template,
            discreet: to_send.discreet,
            required: to_send.required,
            channel,
            locale: &to_send.locale,
            today: to_send.today,
            link: link.as_deref(),
            unsubscribe: unsubscribe.as_deref(),
            check_code: check_code.as_deref(),
        };
        let message = match registered {
            Some(registered) => {
                let message = Message::Registered(registered.fill(&request)?);
                let template = to_send.template.as_ref().map_or("approved template", TemplateName::as_str);
                self.renderer.limits().check(template, &message)?;
                message
            }
            None => self.renderer.render(&request)?,
        };
        let route = match (&message, route, link) {
            (Message::Registered(sms), ..) => written_into(&sms.text, merchant, &seen),
            (message, Some(route), Some(link)) => Some(route).filter(|_| holds(message, &link)),
            _ => None,
        };
        Ok(ComposedMessage { message, route })
    }

    /// A message like those that [`Composer::compose`] makes, with everything about the borrower made up.
    pub(super) fn sample(
        &self,
        merchant: &Merchant,
        to_send: &SendPlan,
        mode: LinkMode,
        registered: Option<&RegisteredTemplates>,
    ) -> Option<Message> {
        let phase = Phase::of(to_send.today, &to_send.installments)?;
        // One, or those that are listed.
        let count = if to_send.installments.len() > 1 { 3 } else { 1 };
        let mut sample = Sample::new(merchant, &to_send.locale, phase, count);
        let seen = self.routes.seen().with_second(to_send.second_route.clone());
        match mode {
            LinkMode::Personal => {}
            LinkMode::Fixed => sample.link = fixed_link(&seen, &to_send.installments).map(|(link, _)| link),
            LinkMode::None => sample.link = None,
        }
        let request = RenderRequest {
            template: to_send.template.as_ref(),
            no_other_template: to_send.no_other_template,
            discreet: to_send.discreet,
            required: to_send.required,
            ..sample.request(to_send.to.channel(), &to_send.locale)
        };
        match registered {
            Some(registered) => registered.fill(&request).ok().map(Message::Registered),
            None => self.renderer.render(&request).ok(),
        }
    }

    /// A message of a notice, with everything about the borrower made up; links that are the same for everybody lead to
    /// the routes that were known last.
    ///
    /// # Errors
    /// When its template does not render, or the message is longer than one may be.
    pub fn notice_sample(
        &self,
        notice: &NoticeSample<'_>,
        mode: LinkMode,
        registered: Option<&RegisteredTemplates>,
    ) -> Result<Message, RenderError> {
        let mut sample = Sample::new(notice.merchant, notice.locale, notice.phase, 1);
        match mode {
            LinkMode::Personal => {}
            LinkMode::Fixed => {
                sample.link = fixed_link(&self.routes.seen(), &sample.installments).map(|(link, _)| link);
            }
            LinkMode::None => sample.link = None,
        }
        let request = RenderRequest {
            template: Some(notice.template),
            no_other_template: true,
            ..sample.request(notice.channel, notice.locale)
        };
        match registered {
            Some(registered) => registered.fill(&request).map(Message::Registered),
            None => self.renderer.render(&request),
        }
    }

    /// How gateways know a reminder: the same for every attempt, and not countable.
    #[must_use]
    pub fn reference(&self, reminder: ReminderId) -> String {
        self.links.seal(Purpose::Reference, reminder)
    }

    /// The references of a reminder under every link key, the key that seals first, each with the personal tokens that
    /// its message may hold: by one of each it is known where it was handed over.
    pub(super) fn names(&self, reminder: ReminderId) -> impl Iterator<Item = (String, Vec<String>)> {
        let references = self.links.seal_with_each(Purpose::Reference, reminder).flatten();
        references.zip(self.links.seal_with_each(Purpose::Landing, reminder))
    }

    /// Where the recipient of an e-mail unsubscribes. Whatever links the gateway lets through: a right to say no stands
    /// in every e-mail (12 CFR 1006.6(e), RFC 8058).
    #[must_use]
    pub fn unsubscribe_link(&self, reminder: ReminderId, merchant: &Merchant, channel: Channel) -> Option<String> {
        (channel == Channel::Email)
            .then(|| format!("{}/u/{}", merchant.link_base, self.links.seal(Purpose::Unsubscribe, reminder)))
    }

    /// The reminder that a reference names; `None` if it is none of ours.
    #[must_use]
    pub fn reminder_of(&self, reference: &str) -> Option<ReminderId> {
        self.links.open(Purpose::Reference, reference)
    }

    /// The token in the personal link of a reminder; no other message contains it.
    fn personal_token(&self, reminder: ReminderId) -> String {
        self.links.seal(Purpose::Landing, reminder)
    }
}

/// The entry that is the same for everybody who owes these, with its route: the best page that is open.
pub(super) fn fixed_link(seen: &RouteSnapshot, installments: &[Installment]) -> Option<(String, RouteKey)> {
    let pages = installments.iter().flat_map(|installment| seen.well_for(installment));
    pages.into_iter().find_map(|route| Some((route.kind.fixed_page()?.to_owned(), route.key.clone())))
}

/// Whether a message holds the link; a template may leave it out. In HTML it stands beside the plain text.
fn holds(message: &Message, link: &str) -> bool {
    let (Message::Sms(SmsText(text))
    | Message::Registered(RegisteredSms { text, .. })
    | Message::Email(EmailParts { text, .. })) = message;
    text.contains(link)
}

/// The route whose page an approved text contains. Another route may serve now, until the provider approves a text
/// with its page.
fn written_into(text: &str, merchant: &Merchant, seen: &RouteSnapshot) -> Option<RouteKey> {
    let own = seen.routes().0.iter().filter(|route| route.merchant == merchant.id);
    let written = own.filter_map(|route| Some((route.kind.fixed_page()?, route)));
    let written = written.filter(|(page, _)| text.contains(page));
    written.max_by_key(|(page, route)| (page.len(), route.closed)).map(|(_, route)| route.key.clone())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::Registry;
    use super::written_into;
    use crate::domain::{Locale, Route, RouteKind, Routes};
    use crate::render::sample_merchant;

    #[test]
    fn an_approved_text_leads_where_it_says_and_not_where_it_would_by_now() {
        let merchant = sample_merchant(&Locale::new("zh-CN").expect("a tag"));
        let route = |key: &str, url: &str, closed| Route {
            key: key.parse().expect("a key"),
            merchant: merchant.id.clone(),
            product: None,
            kind: RouteKind::Web { url: url.to_owned() },
            valid_from: Some(DateTime::UNIX_EPOCH),
            valid_until: None,
            closed,
            replaced_by: None,
        };
        let routes = vec![
            route("old", "https://pay.example.com/bill", true),
            route("new", "https://pay.example.com/b", false),
            route("signed", "https://pay.example.com/{installment}", false),
        ];
        let seen = Registry::of(Routes(routes)).seen();
        let led_to = |text: &str| written_into(text, &merchant, &seen).map(|key| key.to_string());
        assert_eq!(led_to("【示例商城】打开 https://pay.example.com/bill 还款").as_deref(), Some("old"));
        assert_eq!(led_to("【示例商城】打开 https://pay.example.com/b 还款").as_deref(), Some("new"));
        assert_eq!(led_to("【示例商城】打开示例金融App还款"), None);
    }
}
