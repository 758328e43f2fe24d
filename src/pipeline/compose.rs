//! From a reminder that is to be sent to the message that leaves: the link in the form that the gateway lets through, and the
//! rendered parts.

use std::sync::Arc;

use super::Registry;
use crate::domain::{Borrower, Channel, LinkMode, Merchant, Message, ReminderId};
use crate::plan::ToSend;
use crate::render::{LinkKeys, Purpose, RegisteredTemplates, RenderError, RenderRequest, Renderer};

/// What makes messages.
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
    /// When its template does not render.
    pub fn compose(
        &self,
        reminder: ReminderId,
        merchant: &Merchant,
        borrower: &Borrower,
        to_send: &ToSend,
        mode: LinkMode,
        registered: Option<&RegisteredTemplates>,
    ) -> Result<Message, RenderError> {
        let link = self.link(reminder, merchant, to_send, mode);
        let channel = to_send.to.channel();
        let unsubscribe = self.unsubscribe_link(reminder, merchant, channel);
        let request = RenderRequest {
            merchant,
            borrower,
            installments: &to_send.installments,
            template: to_send.template.as_ref(),
            no_other_template: to_send.no_other_template,
            channel,
            locale: &to_send.locale,
            today: to_send.today,
            link: link.as_deref(),
            unsubscribe: unsubscribe.as_deref(),
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

    /// Where the recipient of an e-mail unsubscribes. Whatever links the gateway lets through: a right to say no stands in
    /// every e-mail (12 CFR 1006.6(e), RFC 8058).
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

    /// What stands in the personal link of a reminder, and in no other message.
    #[must_use]
    pub fn personal_token(&self, reminder: ReminderId) -> String {
        self.links.seal(Purpose::Landing, reminder)
    }

    fn link(&self, reminder: ReminderId, merchant: &Merchant, to_send: &ToSend, mode: LinkMode) -> Option<String> {
        let seen = self.routes.seen().with_second(to_send.second_route.clone());
        match mode {
            LinkMode::Personal => Some(format!("{}/r/{}", merchant.link_base, self.personal_token(reminder))),
            LinkMode::Fixed => to_send.installments.iter().find_map(|installment| {
                seen.open_for(installment).into_iter().find_map(|route| route.kind.fixed_page().map(str::to_owned))
            }),
            LinkMode::None => None,
        }
    }
}
