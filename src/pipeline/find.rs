//! Finds borrowers by anything that they may say to staff: a link, a code, a number, an address, a name.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::{
    Address, BorrowerId, BorrowerKey, Channel, InstallmentId, Merchant, MerchantId, NameKey, PersonName, PhoneTail,
    ReminderId,
};
use crate::render::{LinkKeys, Purpose};
use crate::source::read_address;
use crate::store::{
    BorrowerSearch, InstallmentFilter, LedgerStore, ReminderFilter, ReminderStore, SearchStore, StoreError,
};

/// The meaning of the text by which a borrower was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchKind {
    /// The link, or its token, of a message to the borrower.
    Link,
    /// The check code in a message to the borrower.
    CheckCode,
    /// The number of a reminder to the borrower.
    Reminder,
    /// The borrower's number.
    Borrower,
    /// The number of an instalment that the borrower owes or owed.
    Installment,
    /// The number of an order of the borrower's.
    Order,
    /// The phone number that messages go to.
    Phone,
    /// Its last four digits.
    PhoneTail,
    /// The e-mail address.
    Email,
    /// The whole name.
    Name,
}

impl MatchKind {
    /// In words, for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::CheckCode => "check code",
            Self::Reminder => "reminder number",
            Self::Borrower => "borrower number",
            Self::Installment => "instalment number",
            Self::Order => "order number",
            Self::Phone => "phone number",
            Self::PhoneTail => "end of phone number",
            Self::Email => "e-mail address",
            Self::Name => "name",
        }
    }
}

/// A borrower who was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBorrower {
    /// The borrower.
    pub key: BorrowerKey,
    /// The name, if the ledger knows one.
    pub name: Option<PersonName>,
    /// The meaning of the text; of several the most exact.
    pub kind: MatchKind,
    /// The reminder that the text names.
    pub reminder: Option<ReminderId>,
}

/// Borrowers who were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBorrowers {
    /// The most exact matches first.
    pub found: Vec<FoundBorrower>,
    /// Whether more than these match.
    pub is_cut: bool,
}

/// A search by a text.
#[derive(Debug, Clone, Copy)]
pub struct FindRequest<'a> {
    /// The text as it was typed or pasted.
    pub text: &'a str,
    /// The merchants whose borrowers are looked through.
    pub merchants: &'a BTreeMap<MerchantId, Merchant>,
    /// Only this one of them.
    pub merchant: Option<&'a MerchantId>,
    /// Only these meanings of the text; all of them if it is empty.
    pub only: &'a [MatchKind],
    /// The most that are given.
    pub limit: u32,
}

impl FindRequest<'_> {
    fn merchants(&self) -> impl Iterator<Item = &Merchant> {
        self.merchants.values().filter(|merchant| self.merchant.is_none_or(|id| *id == merchant.id))
    }

    fn is_for(&self, merchant: &MerchantId) -> bool {
        self.merchants.contains_key(merchant) && self.merchant.is_none_or(|id| id == merchant)
    }

    /// One more than is given, so that it is seen whether there are more.
    fn enough(&self) -> u32 {
        self.limit.saturating_add(1)
    }
}

/// Finds the borrowers of some merchants by a text, whatever it means: all meanings are tried. Without link keys, no
/// link and no check code is known.
///
/// # Errors
/// When the store fails.
pub async fn find(
    store: &(impl LedgerStore + ReminderStore + SearchStore + ?Sized),
    links: Option<&LinkKeys>,
    request: &FindRequest<'_>,
) -> Result<FoundBorrowers, StoreError> {
    let mut matches = of_reminders(store, links, request).await?;
    for merchant in request.merchants() {
        matches.extend(of_numbers(store, merchant, request).await?);
        matches.extend(of_contacts(store, merchant, request).await?);
    }
    matches.retain(|one| request.only.is_empty() || request.only.contains(&one.kind));
    matches.sort_by_key(|one| one.kind);
    let mut known = BTreeSet::new();
    matches.retain(|one| known.insert(one.key.clone()));
    let limit = request.limit as usize;
    let is_cut = matches.len() > limit;
    matches.truncate(limit);
    for found in &mut matches {
        if found.name.is_none() {
            // The borrower in an account is the same for every day and channel.
            let account = store.account(&found.key, NaiveDate::default(), Channel::Sms).await?;
            found.name = account.borrower.and_then(|borrower| borrower.name);
        }
    }
    Ok(FoundBorrowers { found: matches, is_cut })
}

/// The recipients of the reminders that the text may name.
async fn of_reminders(
    store: &(impl ReminderStore + ?Sized),
    links: Option<&LinkKeys>,
    request: &FindRequest<'_>,
) -> Result<Vec<FoundBorrower>, StoreError> {
    let token = token(request.text);
    let of_token = [Purpose::Landing, Purpose::Unsubscribe, Purpose::Reference]
        .into_iter()
        .filter_map(|purpose| links?.open(purpose, token))
        .map(|id| (MatchKind::Link, id));
    let of_code =
        links.into_iter().flat_map(|links| links.open_check_code(request.text)).map(|id| (MatchKind::CheckCode, id));
    // Four digits with a zero in front are the end of a phone number.
    let number = Some(request.text.trim()).filter(|text| text.starts_with(|first| matches!(first, '1'..='9')));
    let of_number = number.and_then(|text| text.parse().ok()).map(|number| (MatchKind::Reminder, ReminderId(number)));
    let mut found = Vec::new();
    for (kind, id) in of_token.chain(of_code).chain(of_number) {
        let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
        for view in store.reminders(&filter).await? {
            let key = view.reminder.plan.key.borrower;
            if request.is_for(&key.merchant) {
                found.push(FoundBorrower { key, name: None, kind, reminder: Some(id) });
            }
        }
    }
    Ok(found)
}

/// The last part of the path of a link; of any other text all of it, without the brackets of a Message-ID and its
/// domain.
fn token(text: &str) -> &str {
    let text = text.trim().trim_start_matches('<');
    let text = text.split(['?', '#', '@', '>']).next().unwrap_or_default();
    text.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The borrowers with that number, or with an instalment or order of that number.
async fn of_numbers(
    store: &(impl LedgerStore + ?Sized),
    merchant: &Merchant,
    request: &FindRequest<'_>,
) -> Result<Vec<FoundBorrower>, StoreError> {
    let text = request.text.trim();
    let mut found = Vec::new();
    if let Ok(id) = BorrowerId::new(text) {
        let key = BorrowerKey { merchant: merchant.id.clone(), id };
        let account = store.account(&key, NaiveDate::default(), Channel::Sms).await?;
        let known = account.borrower.map(|borrower| FoundBorrower {
            key,
            name: borrower.name,
            kind: MatchKind::Borrower,
            reminder: None,
        });
        found.extend(known);
    }
    let filter = || InstallmentFilter {
        merchant: Some(merchant.id.clone()),
        limit: request.enough(),
        ..InstallmentFilter::default()
    };
    let by_installment =
        InstallmentId::new(text).ok().map(|id| InstallmentFilter { installment: Some(id), ..filter() });
    let by_order = InstallmentFilter { order_ref: Some(text.to_owned()), ..filter() };
    let filters = by_installment.map(|filter| (MatchKind::Installment, filter)).into_iter();
    for (kind, filter) in filters.chain([(MatchKind::Order, by_order)]) {
        for one in store.installments(&filter).await? {
            let key = BorrowerKey { merchant: one.merchant, id: one.borrower };
            found.push(FoundBorrower { key, name: None, kind, reminder: None });
        }
    }
    Ok(found)
}

/// The borrowers with that name, phone number or e-mail address.
async fn of_contacts(
    store: &(impl SearchStore + ?Sized),
    merchant: &Merchant,
    request: &FindRequest<'_>,
) -> Result<Vec<FoundBorrower>, StoreError> {
    let text = request.text.trim();
    let nobody = || BorrowerSearch::of(merchant.id.clone(), request.enough());
    let by_address = read_address(text, Some(merchant)).ok().map(|address| match address {
        Address::Phone(phone) => (MatchKind::Phone, BorrowerSearch { phone: Some(phone), ..nobody() }),
        Address::Email(email) => (MatchKind::Email, BorrowerSearch { email: Some(email), ..nobody() }),
    });
    let tail = PhoneTail::read(text);
    let by_tail = tail.map(|tail| (MatchKind::PhoneTail, BorrowerSearch { phone_tail: Some(tail), ..nobody() }));
    let name = NameKey::read(text).filter(|_| text.chars().any(char::is_alphabetic));
    let by_name = name.map(|name| (MatchKind::Name, BorrowerSearch { name: Some(name), ..nobody() }));
    let mut found = Vec::new();
    for (kind, search) in [by_address, by_tail, by_name].into_iter().flatten() {
        for borrower in store.find_borrowers(&search).await? {
            found.push(FoundBorrower { key: borrower.key, name: borrower.name, kind, reminder: None });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::token;

    #[rstest]
    #[case("https://pay.example.com/r/AWk3xSampleToken", "AWk3xSampleToken")]
    #[case(" https://pay.example.com/r/AWk3xSampleToken/?from=sms#top ", "AWk3xSampleToken")]
    #[case("AWk3xSampleToken", "AWk3xSampleToken")]
    #[case("<AWk3xSampleToken@mall.example>", "AWk3xSampleToken")]
    #[case("", "")]
    fn the_token_of_what_was_pasted(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(token(text), expected);
    }
}
