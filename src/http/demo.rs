//! The page of `dueherald demo`: each message as it arrived, what was not sent and why, and whose links work.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::Serialize;

use super::page::{Strictness, page, set_headers};
use super::public::{self, Public};
use super::{HttpError, LinkStatus};
use crate::domain::{Channel, Locale, Message, RegisteredSms, SkipReason, SmsText};

/// The content of the page, filled from the capture gateway and the store.
pub struct DemoView {
    /// The headline.
    pub title: String,
    /// The sent messages, in the order in which they arrived.
    pub messages: Vec<DemoMessage>,
    /// The skipped reminders.
    pub skipped: Vec<DemoSkipped>,
}

/// A message as it arrived.
pub struct DemoMessage {
    /// The owner of the phone or mailbox, as the page is to call them.
    pub borrower: String,
    /// The merchant's name: the sender that a phone shows.
    pub merchant: String,
    /// The sender's address of an e-mail, or the signature of an SMS.
    pub from: String,
    /// Where it went, masked unless it is invented.
    pub to: String,
    /// The language it is written in: picks the right glyphs.
    pub locale: Locale,
    /// The message itself.
    pub message: Message,
    /// The personal link in the text of the message.
    pub link: Option<String>,
    /// When it arrived, on the borrower's own clock.
    pub at: DateTime<FixedOffset>,
    /// How many SMS it was billed as; nothing for an e-mail.
    pub segments: Option<u32>,
}

/// A reminder that was not sent.
pub struct DemoSkipped {
    /// The borrower whom it was for.
    pub borrower: String,
    /// The merchant's name.
    pub merchant: String,
    /// On which channel.
    pub channel: Channel,
    /// Why not.
    pub reason: SkipReason,
    /// About which due date.
    pub due_date: NaiveDate,
}

/// Words in the page's two languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DemoWords {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// Says for people why a reminder was not sent.
#[must_use]
pub fn skip_words(reason: SkipReason) -> DemoWords {
    let (en, zh) = match reason {
        SkipReason::Paid => ("Already paid, so nothing was sent", "账单已还清，未发送"),
        SkipReason::Cancelled => ("The bill was cancelled, so nothing was sent", "账单已取消，未发送"),
        SkipReason::WrittenOff => ("The debt was written off, so nothing was sent", "账单已核销，未发送"),
        SkipReason::Disputed => ("The borrower contests the bill, so nothing was sent", "账单存在争议，未发送"),
        SkipReason::Rescheduled => ("The due date moved, so nothing was sent", "还款日已变更，未发送"),
        SkipReason::Superseded => ("A later reminder takes its place", "已由后续提醒代替"),
        SkipReason::OptedOut => ("Asked not to be contacted this way", "用户已退订此类消息"),
        SkipReason::Suppressed => ("This address must not be contacted", "该号码或邮箱已列入禁发名单"),
        SkipReason::NoContact => ("No address is known for this channel", "没有可用的手机号或邮箱"),
        SkipReason::Capped => ("Had enough messages for now", "已达提醒次数上限"),
        SkipReason::OnHold => ("On hold: staff stopped all reminders", "人工已暂停对该用户的提醒"),
        SkipReason::Expired => ("Too late to be useful", "已过有效时间，未发送"),
        SkipReason::BadTemplate => ("The message template does not work", "消息模板有误，未发送"),
        SkipReason::MerchantStopped => ("The merchant has stopped reminders", "商户已停止发送提醒"),
        SkipReason::UnknownMerchant => ("The merchant is not in the config", "配置中没有该商户"),
        SkipReason::NotAllowed => ("This number may not be contacted", "不允许向该号码发送"),
        SkipReason::NoticeCancelled => ("The notice was cancelled", "该通知已取消"),
    };
    DemoWords { en, zh }
}

/// Serves the page at `/`, and the landing pages that its links lead to.
pub fn router(view: DemoView, public: Public) -> Router {
    let demo = Arc::new(Demo { view, public: public.clone() });
    Router::new().route("/", get(demo_page)).with_state(demo).merge(public::router(public))
}

struct Demo {
    view: DemoView,
    public: Public,
}

async fn demo_page(State(demo): State<Arc<Demo>>) -> Response {
    let mut shown = DemoPage::about(&demo.view);
    for message in &demo.view.messages {
        // Asked anew for every view of the page, of the very code that serves the link.
        let Some(link) = message.link.as_deref() else { continue };
        let standing = match token(link) {
            Some(token) => demo.public.standing(token).await,
            None => Ok(None),
        };
        shown.links.push(LinkState::of(message, link, &standing));
    }
    shown.working = shown.links.iter().filter(|link| link.works).count();
    let mut response = page(StatusCode::OK, "demo.html", &shown);
    set_headers(response.headers_mut(), Strictness::ShowsMail);
    response
}

/// The token of a personal link, whatever the base below which it was written.
fn token(link: &str) -> Option<&str> {
    link.rsplit_once("/r/").map(|(_, token)| token)
}

/// Where this server shows the page that a personal link leads to.
fn local(link: &str) -> Option<String> {
    token(link).map(|token| format!("/r/{token}"))
}

#[derive(Serialize)]
struct DemoPage<'a> {
    lang: &'static str,
    title: &'a str,
    sent: usize,
    phones: Vec<PhoneScreen<'a>>,
    mails: Vec<Mail<'a>>,
    skipped: Vec<UnsentReminder<'a>>,
    links: Vec<LinkState<'a>>,
    working: usize,
}

/// One borrower's phone with one sender's messages on it.
#[derive(Serialize)]
struct PhoneScreen<'a> {
    borrower: &'a str,
    merchant: &'a str,
    from: &'a str,
    to: &'a str,
    bubbles: Vec<PhoneMessage<'a>>,
}

#[derive(Serialize)]
struct PhoneMessage<'a> {
    lang: &'a str,
    at: String,
    before: &'a str,
    link: Option<Anchor<'a>>,
    after: &'a str,
    segments: Option<u32>,
    characters: usize,
}

#[derive(Serialize)]
struct Anchor<'a> {
    text: &'a str,
    href: Option<String>,
}

#[derive(Serialize)]
struct Mail<'a> {
    lang: &'a str,
    borrower: &'a str,
    merchant: &'a str,
    from: &'a str,
    to: &'a str,
    at: String,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    href: Option<String>,
}

#[derive(Serialize)]
struct UnsentReminder<'a> {
    borrower: &'a str,
    merchant: &'a str,
    channel: &'static str,
    due_date: String,
    reason: DemoWords,
}

#[derive(Serialize)]
struct LinkState<'a> {
    borrower: &'a str,
    merchant: &'a str,
    channel: &'static str,
    text: &'a str,
    href: Option<String>,
    works: bool,
    says: DemoWords,
}

impl<'a> DemoPage<'a> {
    fn about(view: &'a DemoView) -> Self {
        let mut shown = Self {
            lang: "en",
            title: &view.title,
            sent: view.messages.len(),
            phones: Vec::new(),
            mails: Vec::new(),
            skipped: view.skipped.iter().map(UnsentReminder::of).collect(),
            links: Vec::new(),
            working: 0,
        };
        for message in &view.messages {
            match &message.message {
                Message::Sms(SmsText(text)) | Message::Registered(RegisteredSms { text, .. }) => {
                    phone_of(&mut shown.phones, message).bubbles.push(PhoneMessage::of(message, text))
                }
                Message::Email(parts) => shown.mails.push(Mail {
                    lang: message.locale.as_str(),
                    borrower: &message.borrower,
                    merchant: &message.merchant,
                    from: &message.from,
                    to: &message.to,
                    at: time(&message.at),
                    subject: &parts.subject,
                    text: &parts.text,
                    html: &parts.html,
                    href: message.link.as_deref().and_then(local),
                }),
            }
        }
        shown
    }
}

/// The screen that a message belongs on: one for each phone and sender.
fn phone_of<'s, 'a>(phones: &'s mut Vec<PhoneScreen<'a>>, message: &'a DemoMessage) -> &'s mut PhoneScreen<'a> {
    let same = |phone: &PhoneScreen<'_>| {
        (phone.borrower, phone.to, phone.from) == (&*message.borrower, &*message.to, &*message.from)
    };
    let place = phones.iter().position(same).unwrap_or_else(|| {
        phones.push(PhoneScreen {
            borrower: &message.borrower,
            merchant: &message.merchant,
            from: &message.from,
            to: &message.to,
            bubbles: Vec::new(),
        });
        phones.len() - 1
    });
    &mut phones[place]
}

impl<'a> PhoneMessage<'a> {
    fn of(message: &'a DemoMessage, text: &'a str) -> Self {
        let link = message.link.as_deref();
        let parted = link.and_then(|link| text.split_once(link).map(|(before, after)| (before, link, after)));
        let (before, link, after) = match parted {
            Some((before, link, after)) => (before, Some(Anchor { text: link, href: local(link) }), after),
            None => (text, None, ""),
        };
        Self {
            lang: message.locale.as_str(),
            at: time(&message.at),
            before,
            link,
            after,
            segments: message.segments,
            characters: text.chars().count(),
        }
    }
}

impl<'a> UnsentReminder<'a> {
    fn of(skipped: &'a DemoSkipped) -> Self {
        Self {
            borrower: &skipped.borrower,
            merchant: &skipped.merchant,
            channel: skipped.channel.label(),
            due_date: skipped.due_date.to_string(),
            reason: skip_words(skipped.reason),
        }
    }
}

impl<'a> LinkState<'a> {
    fn of(message: &'a DemoMessage, link: &'a str, standing: &Result<Option<LinkStatus>, HttpError>) -> Self {
        let (works, en, zh) = match standing {
            Ok(Some(LinkStatus::Open)) => (true, "Works: shows the ways to repay", "有效：显示还款方式"),
            Ok(Some(LinkStatus::Paid)) => (true, "Works: says that it is paid", "有效：显示已还清"),
            Ok(Some(LinkStatus::Cancelled)) => (true, "Works: says that it was cancelled", "有效：显示账单已取消"),
            Ok(Some(LinkStatus::WrittenOff)) => (true, "Works: says that it is closed", "有效：显示账单已关闭"),
            Ok(Some(LinkStatus::Disputed)) => (true, "Works: says that it is under review", "有效：显示账单核实中"),
            Ok(Some(LinkStatus::Expired)) => (true, "Works: says that the link has expired", "有效：显示链接已失效"),
            Ok(Some(LinkStatus::Rescheduled)) => (true, "Works: says that the date moved", "有效：显示还款日已变更"),
            Ok(None) => (false, "Does not work: leads to a 404 page", "无效：页面不存在"),
            Err(_) => (false, "Could not be checked: the store does not answer", "暂时无法检查"),
        };
        Self {
            borrower: &message.borrower,
            merchant: &message.merchant,
            channel: message.message.channel().label(),
            text: link,
            href: local(link),
            works,
            says: DemoWords { en, zh },
        }
    }
}

fn time(at: &DateTime<FixedOffset>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}
