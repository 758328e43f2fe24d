//! Classifies a mail server's refusal by its status code and words: one table for replies to our own SMTP commands and
//! for bounces. Pure.
//!
//! The enhanced status code counts first (RFC 3463, RFC 7372 and the registry of IANA; Exchange Online and Gmail have
//! details of their own). Several codes are used for opposite things, `5.7.1` above all: there the words decide. They
//! are those of Postfix, Exim, Exchange, Gmail, QQ Mail and Tencent Exmail, NetEase (163, 126, and Coremail, on which
//! it is built), and Alibaba Mail with DirectMail.

use std::fmt;

/// The reason for a refusal: who or what the server rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum RefusalKind {
    /// The recipient. `gone` says that nothing will ever arrive there: there is no such mailbox, or its domain takes no
    /// mail.
    Recipient {
        /// Whether the address is dead.
        gone: bool,
    },
    /// Our sender address or its domain.
    Sender,
    /// Us as a client: address, login, quota, reputation, or a protocol that we do not speak well enough.
    Client,
    /// This message: its text, its size, or a policy that is not named.
    Content,
    /// Nothing for good: it is to be tried again.
    Transient,
}

/// An enhanced status code (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Status {
    pub(super) class: u16,
    subject: u16,
    detail: u16,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Status {
    /// The first one of a text; a part of an IP address or of a date is none.
    pub(super) fn find(text: &str) -> Option<Self> {
        let numbers = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').map(|word| word.trim_matches('.'));
        numbers.filter(|word| word.len() <= 9).find_map(Self::read)
    }

    /// The one that a reply to a command begins with, of class 4 or 5 (RFC 2034).
    pub(in crate::gateway) fn leading(reply: &str) -> Option<Self> {
        reply.split_whitespace().next().and_then(Self::read).filter(|status| status.class != 2)
    }

    fn read(word: &str) -> Option<Self> {
        let mut parts = word.split('.').map(|part| part.parse().ok().filter(|number| *number < 1000));
        let status = Self { class: parts.next()??, subject: parts.next()??, detail: parts.next()?? };
        (matches!(status.class, 2 | 4 | 5) && parts.next().is_none()).then_some(status)
    }

    /// Says no more than that something is wrong.
    pub(super) fn is_vague(self) -> bool {
        matches!((self.subject, self.detail), (0 | 1 | 3 | 5, 0))
    }
}

/// A mailbox that exists no more, or never did.
const GONE: [&str; 27] = [
    "user unknown",
    "unknown user",
    "unknown address",
    "user not found",
    "user not exist",
    "user not known",
    "not our customer",
    "invalid user",
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no such address",
    "no mailbox here by that name",
    "mailbox not found",
    "recipient not found",
    "does not exist",
    "doesn't exist",
    "dosn't exist",
    "user not local",
    "isn't a local account",
    "unrouteable address",
    "unknown recipient",
    "invalid recipient",
    "invalid rcptto",
    "undeliverable address",
    "does not have an account",
    "该用户不存在",
];

/// A mailbox that was closed.
const CLOSED: [&str; 4] = ["disabled", "deactivated", "inactive", "closed"];

/// A recipient who takes nothing now, or nothing from us.
const RECIPIENT: [&str; 14] = [
    "recipient address rejected",
    "mailbox unavailable",
    "mailbox is full",
    "mailbox full",
    "over quota",
    "overquota",
    "quota exceed",
    "out of storage",
    "space not enough",
    "rejected by recipient",
    "isn't allowed to receive",
    "not allowed to receive",
    "user is locked",
    "收件人空间不足",
];

const SENDER: [&str; 35] = [
    "sender address rejected",
    "sender address is not valid",
    "sender rejected",
    "sender is rejected",
    "sender denied",
    "sender verify failed",
    "sender domain",
    "sender policy framework",
    "sender is unvalidated",
    "host denies the sender",
    "fake sender",
    "sendasdenied",
    "send as this sender",
    "send as denied",
    "not allowed to send as",
    "allowed to send from",
    "not owned by user",
    "not owned by auth",
    "sender id",
    "mail from must equal",
    "mail from address must be same",
    "mail from not equal",
    "mail from account doesn't conform",
    "mailfrom account is a local account",
    "mail from\" is non-local",
    "mail from\" mailbox unavailable",
    "mail from invalid",
    "mail address invalid",
    "null sender",
    "domain may not exist or dns check failed",
    "dkim",
    "dmarc",
    "spf",
    "unauthenticated email",
    "does not designate",
];

const CLIENT: [&str; 56] = [
    "client host",
    "client was not authenticated",
    "client not authenticated",
    "relay access denied",
    "relay not permitted",
    "relaying denied",
    "relaying not allowed",
    "relay denied",
    "unable to relay",
    "not permitted to relay",
    "denies relay",
    "relay check",
    "block list",
    "blocklist",
    "blacklist",
    "blocked using",
    "blackhole",
    "black ip",
    "dnsbl",
    "rbl",
    "spamhaus",
    "spamcop",
    "barracuda",
    "banned",
    "helo command rejected",
    "helohost",
    "invalid ip",
    "ip is rejected",
    "ip is hangup",
    "your ip",
    "not allowed to connect",
    "weren't sent",
    "sending ip",
    "spam ip",
    "remote ip",
    "reverse dns",
    "ptr record",
    "reputation",
    "connection denied",
    "frequency limited",
    "rate limit",
    "sending quota",
    "sending limit",
    "sending rate",
    "submission quota",
    "quota for sending",
    "daily user",
    "exceeded the maximum number of messages",
    "tenant has exceeded",
    "attempts is achieved the maximum",
    "rcpts is achieved the maximum",
    "behaviour spam",
    "authenticat",
    "not logged in",
    "isn't allowed to send",
    "has no permission",
];

const CONTENT: [&str; 15] = [
    "spam",
    "content",
    "message size",
    "message too large",
    "message is too long",
    "mailsize limit",
    "too big",
    "too large",
    "data content is achieved",
    "of attach",
    "attachment",
    "virus",
    "dt:spm",
    "suspicious",
    "phishing",
];

/// Classifies a refusal of class 4 or 5; `None` where neither the code nor the words are known. `text` is the server's
/// reply.
pub(in crate::gateway) fn classify(status: Option<Status>, text: &str) -> Option<RefusalKind> {
    // An address may hold any word.
    let lower = text.split_whitespace().filter(|word| !word.contains('@')).collect::<Vec<_>>().join(" ").to_lowercase();
    let Some(status) = status else { return by_words(&lower) };
    if status.class == 4 {
        return Some(RefusalKind::Transient);
    }
    let refused = by_status(status, &lower).or_else(|| by_words(&lower)).or_else(|| by_subject(status))?;
    // A policy that speaks of a mailbox is no proof that there is none.
    let is_policy = status.subject == 7 && refused == RefusalKind::Recipient { gone: true };
    Some(if is_policy { RefusalKind::Recipient { gone: false } } else { refused })
}

/// Where the code means one thing, whoever says it.
fn by_status(status: Status, lower: &str) -> Option<RefusalKind> {
    let gone = RefusalKind::Recipient { gone: true };
    let there = RefusalKind::Recipient { gone: false };
    Some(match (status.subject, status.detail) {
        // Postfix says 5.1.0 and 5.1.1 of a sender as well, and then says so (reject_unlisted_sender).
        (1, 7 | 8) => RefusalKind::Sender,
        (1, _) if says(lower, &SENDER) => RefusalKind::Sender,
        (1, 1..=6 | 10) => gone,
        // A mailbox that takes no mail for now goes by the same number as one that was closed.
        (2, 1) => RefusalKind::Recipient { gone: names_a_dead_mailbox(lower) || says(lower, &CLOSED) },
        // Exchange Online: 5.2.2 may be the quota of the sender, and 5.2.252 is its word for "send as".
        (2, 2) if says(lower, &["submission quota"]) => RefusalKind::Client,
        (2, 252) => RefusalKind::Sender,
        (2, 2 | 4) => there,
        (2, 3) | (3, 4) | (6, _) => RefusalKind::Content,
        (3, 2 | 3 | 5) => RefusalKind::Client,
        // "Daily user sending quota exceeded" (Gmail).
        (4, 5) => RefusalKind::Client,
        (4, 4) => RefusalKind::Recipient { gone: names_a_dead_domain(lower) || names_a_dead_mailbox(lower) },
        (4, 6 | 14 | 310) => there,
        (5, 3 | 5) => RefusalKind::Client,
        (7, 2 | 17 | 18 | 12 | 124 | 129..=136) => there,
        (7, 7 | 512) => RefusalKind::Content,
        // Exchange: 5.7.60 and 5.7.509. DKIM, SPF and DMARC, as RFC 7372 and Gmail number them.
        (7, 20..=24 | 26 | 27 | 30 | 31 | 32 | 40 | 60 | 509) => RefusalKind::Sender,
        (7, 3..=6 | 8..=11 | 13..=16 | 19 | 25 | 28 | 29 | 57 | 64) => RefusalKind::Client,
        (7, 232..=233 | 500..=508 | 510..=511 | 513..=799) => RefusalKind::Client,
        _ => return None,
    })
}

/// Classifies by the words. The order matters: "Sender address rejected: User unknown" is about the sender, "User
/// unknown in relay recipient table" about the recipient, and "Client host rejected: content policy" about us.
fn by_words(lower: &str) -> Option<RefusalKind> {
    if names_a_dead_mailbox(lower) || names_a_dead_domain(lower) {
        return Some(if says(lower, &SENDER) { RefusalKind::Sender } else { RefusalKind::Recipient { gone: true } });
    }
    let words: [(&[&str], RefusalKind); 4] = [
        (&SENDER, RefusalKind::Sender),
        (&CLIENT, RefusalKind::Client),
        (&RECIPIENT, RefusalKind::Recipient { gone: false }),
        (&CONTENT, RefusalKind::Content),
    ];
    words.into_iter().find(|(words, _)| says(lower, words)).map(|(_, refused)| refused)
}

/// Classifies by the subject digit alone, where neither the detail nor the words are known.
fn by_subject(status: Status) -> Option<RefusalKind> {
    match status.subject {
        1 if status.detail != 0 => Some(RefusalKind::Recipient { gone: true }),
        1 | 2 | 4 => Some(RefusalKind::Recipient { gone: false }),
        5 => Some(RefusalKind::Client),
        7 => Some(RefusalKind::Content),
        _ => None,
    }
}

/// Whether a text in small letters says that there is no such mailbox.
pub(super) fn names_a_dead_mailbox(lower: &str) -> bool {
    // "This user doesn't have a yahoo.com account", and so for the other domains of Yahoo.
    let without = |rest: &str| rest.split_whitespace().nth(1).is_some_and(|word| word.starts_with("account"));
    says(lower, &GONE) || lower.split("user doesn't have a ").skip(1).any(without)
}

fn names_a_dead_domain(lower: &str) -> bool {
    says(lower, &["host not found", "domain not found", "no such domain", "nxdomain", "couldn't find any host"])
}

/// Whether one of the phrases is in a text; a short one as a word of its own ("rbl" is part of "marble").
fn says(lower: &str, phrases: &[&str]) -> bool {
    const SHORT: usize = 4;
    let has_word = |phrase: &str| lower.split(|c: char| !c.is_alphanumeric()).any(|word| word == phrase);
    phrases.iter().any(|phrase| if phrase.len() <= SHORT { has_word(phrase) } else { lower.contains(phrase) })
}

#[cfg(test)]
mod tests {
    use super::{RefusalKind, Status, classify};
    use rstest::rstest;

    const GONE: RefusalKind = RefusalKind::Recipient { gone: true };
    const THERE: RefusalKind = RefusalKind::Recipient { gone: false };

    /// Replies as servers give them, with invented addresses.
    #[rstest]
    // Postfix
    #[case("5.1.1 <li@mall.example>: Recipient address rejected: User unknown in relay recipient table", GONE)]
    #[case("<li@mall.example>: Recipient address rejected: User unknown in relay recipient table", GONE)]
    #[case("5.1.1 <li@mall.example>: Recipient address rejected: User unknown in virtual mailbox table", GONE)]
    #[case(
        "5.1.0 <us@mall.example>: Sender address rejected: User unknown in local recipient table",
        RefusalKind::Sender
    )]
    #[case(
        "5.1.1 <us@mall.example>: Sender address rejected: User unknown in virtual mailbox table",
        RefusalKind::Sender
    )]
    #[case("5.7.1 <us@mall.example>: Sender address rejected: not owned by user app", RefusalKind::Sender)]
    #[case("5.1.8 <us@mall.example>: Sender address rejected: Domain not found", RefusalKind::Sender)]
    #[case("5.7.1 <app[10.1.2.3]>: Client host rejected: Access denied", RefusalKind::Client)]
    #[case("5.7.1 Service unavailable; Client host [10.1.2.3] blocked using zen.spamhaus.org", RefusalKind::Client)]
    #[case("5.7.1 <li@else.example>: Relay access denied", RefusalKind::Client)]
    #[case("5.7.1 <mail>: Helo command rejected: need fully-qualified hostname", RefusalKind::Client)]
    #[case("5.7.1 <li@mall.example>: Recipient address rejected: Access denied", THERE)]
    #[case("4.7.1 <app[10.1.2.3]>: Client host rejected: cannot find your hostname", RefusalKind::Transient)]
    // A policy is no proof that there is no mailbox.
    #[case("5.7.1 <li@mall.example>: Recipient address rejected: User unknown", THERE)]
    #[case("5.3.4 Message size exceeds fixed limit", RefusalKind::Content)]
    #[case("5.7.1 Service unavailable; the policy says no", RefusalKind::Content)]
    // Exim
    #[case("relay not permitted", RefusalKind::Client)]
    #[case("Sender verify failed", RefusalKind::Sender)]
    #[case("Unrouteable address", GONE)]
    #[case("Unknown user", GONE)]
    // Exchange, on premises and online
    #[case("5.7.1 Unable to relay", RefusalKind::Client)]
    #[case("5.7.1 Sender ID (PRA) Not Permitted", RefusalKind::Sender)]
    #[case("5.7.1 You are not allowed to connect.", RefusalKind::Client)]
    #[case("SC-001 Unfortunately, messages from 10.1.2.3 weren't sent.", RefusalKind::Client)]
    #[case("5.7.1 Client was not authenticated", RefusalKind::Client)]
    #[case("5.7.1 Client does not have permission to send as this sender", RefusalKind::Sender)]
    #[case("5.7.60 SMTP; Client does not have permissions to send as this sender", RefusalKind::Sender)]
    #[case("5.2.252 SendAsDenied; app not allowed to send as no-reply", RefusalKind::Sender)]
    #[case("5.4.1 Recipient address rejected: Access denied. AS(201806281)", THERE)]
    #[case("5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", GONE)]
    #[case("5.7.606 Access denied, banned sending IP [10.1.2.3]", RefusalKind::Client)]
    #[case(
        "5.7.1 Unfortunately, messages from [10.1.2.3] weren't sent; part of their network is on our block list",
        RefusalKind::Client
    )]
    #[case("5.7.509 Access denied, sending domain mall.example does not pass DMARC verification", RefusalKind::Sender)]
    #[case("5.7.705 Access denied, tenant has exceeded threshold", RefusalKind::Client)]
    #[case("5.2.2 Submission quota exceeded for the sender", RefusalKind::Client)]
    #[case("5.5.0 Requested action not taken: mailbox unavailable", THERE)]
    // Gmail
    #[case("5.1.1 The email account that you tried to reach does not exist.", GONE)]
    #[case("5.2.1 The email account that you tried to reach is disabled.", GONE)]
    #[case("5.2.2 The email account that you tried to reach is over quota.", THERE)]
    #[case("5.4.5 Daily user sending quota exceeded", RefusalKind::Client)]
    #[case("5.7.26 This mail has been blocked because the sender is unauthenticated.", RefusalKind::Sender)]
    #[case("5.7.25 The IP address sending this message does not have a PTR record", RefusalKind::Client)]
    #[case("5.7.23 rejected because of Sender Policy Framework violation", RefusalKind::Sender)]
    #[case("5.7.1 Our system has detected that this message is likely unsolicited mail (spam)", RefusalKind::Content)]
    // QQ Mail, Tencent Exmail
    #[case("Mailbox not found. http://service.mail.qq.com/", GONE)]
    #[case("Mailbox unavailable or access denied", THERE)]
    #[case("Mail is rejected by recipients", THERE)]
    #[case("Mail content denied", RefusalKind::Content)]
    #[case("Connection frequency limited", RefusalKind::Client)]
    #[case("Domain frequency limited", RefusalKind::Client)]
    #[case("Suspected spam ip", RefusalKind::Client)]
    #[case("Domain may not exist or DNS check failed", RefusalKind::Sender)]
    #[case("DMARC check failed", RefusalKind::Sender)]
    #[case("Mail from must equal authorized user", RefusalKind::Sender)]
    // NetEase and Coremail
    #[case("DT:SPM 163 smtp10,D8CowABXX", RefusalKind::Content)]
    #[case("User not found: li@mall.example", GONE)]
    #[case("IP is rejected, smtp auth error limit exceed", RefusalKind::Client)]
    #[case("Requested mail action not taken: Fake sender", RefusalKind::Sender)]
    #[case("Requested action not taken: NULL sender is not allowed", RefusalKind::Sender)]
    #[case("Quota exceeded", THERE)]
    // Alibaba Mail and DirectMail
    #[case("RCPT (li@mall.example) dosn't exist", GONE)]
    #[case("Invalid rcptto [@sm070102]", GONE)]
    #[case("Reject by behaviour spam at RcptTo State", RefusalKind::Client)]
    #[case("Reject by content spam", RefusalKind::Content)]
    #[case("\"MAIL FROM\" is non-local account", RefusalKind::Sender)]
    #[case("This account isn't allowed to send email", RefusalKind::Client)]
    #[case("This account isn't allowed to receive email", THERE)]
    #[case("the number of RCPT attempts is achieved the maximum threshold", RefusalKind::Client)]
    #[case("mailbox is full", THERE)]
    // A short word is part of others.
    #[case("Content denied by marblegate", RefusalKind::Content)]
    #[case("suspicious: see waspfilter", RefusalKind::Content)]
    // An address may hold any word.
    #[case("5.2.2 <relay-spam-rbl@marble.example>: over quota", THERE)]
    #[case("<blacklist@content.example> mailbox unavailable", THERE)]
    fn a_refusal_is_about(#[case] text: &str, #[case] expected: RefusalKind) {
        assert_eq!(classify(Status::leading(text), text), Some(expected));
    }

    #[rstest]
    #[case("go away")]
    #[case("5.0.0 no")]
    #[case("Transaction failed")]
    fn what_nobody_knows_is_left_to_the_stage(#[case] text: &str) {
        assert_eq!(classify(Status::leading(text), text), None);
    }

    #[rstest]
    #[case("5.1.1", "5.1.1")]
    #[case("smtp;550-5.1.10 RESOLVER.ADR.RecipientNotFound", "5.1.10")]
    #[case("Sorry, no mailbox here by that name. (#5.1.1)", "5.1.1")]
    #[case("<#5.1.1 smtp;550 5.1.1 no>", "5.1.1")]
    #[case("said: 452-4.2.2. The mailbox", "4.2.2")]
    fn a_status_is_found_in_what_a_server_says(#[case] text: &str, #[case] found: &str) {
        assert_eq!(Status::find(text).map(|status| status.to_string()).as_deref(), Some(found));
    }

    #[rstest]
    #[case("from 5.1.1.7 we hear nothing")]
    #[case("on 3.1.2026, version 1.2.3")]
    #[case("550 no")]
    #[case("5..1 5.1 5.x.1")]
    fn what_only_looks_like_a_status_is_none(#[case] text: &str) {
        assert_eq!(Status::find(text), None);
    }
}
