//! The options that name one borrower, by anything that the borrower may say: the same for every command.

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};

use super::CliError;
use super::merchant::find as known;
use crate::app::App;
use crate::domain::{BorrowerId, BorrowerKey, Merchant, MerchantId};
use crate::pipeline::{FindRequest, FoundBorrowers, MatchKind, find};
use crate::render::LinkKeys;
use crate::store::Store;

/// The most borrowers that are listed where an option names several.
const LISTED: u32 = 10;

/// One borrower.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["borrower", "phone", "order", "email", "link"])))]
pub(super) struct BorrowerSelector {
    #[command(flatten)]
    names: BorrowerNames,
}

/// The options themselves, of which one may be given: a filter for lists.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("borrower_option").args(["borrower", "phone", "order", "email", "link"])))]
pub(super) struct BorrowerNames {
    /// The borrower's number
    #[arg(long, value_name = "NUMBER")]
    borrower: Option<BorrowerId>,
    /// The borrower's phone number, or its last four digits
    #[arg(long)]
    phone: Option<String>,
    /// The number of an order or instalment of the borrower's
    #[arg(long)]
    order: Option<String>,
    /// The borrower's e-mail address
    #[arg(long)]
    email: Option<String>,
    /// A link or check code of a message to the borrower, as it is
    #[arg(long)]
    link: Option<String>,
    /// The merchant; it may be left out where only one has such a borrower
    #[arg(long)]
    merchant: Option<MerchantId>,
}

impl BorrowerNames {
    /// The option that names the borrower, other than by the number: its name, its text, and what it may mean.
    fn found_by(&self) -> Option<(&'static str, &str, &'static [MatchKind])> {
        let options: [(_, _, &[_]); 4] = [
            ("--phone", &self.phone, &[MatchKind::Phone, MatchKind::PhoneTail]),
            ("--order", &self.order, &[MatchKind::Order, MatchKind::Installment]),
            ("--email", &self.email, &[MatchKind::Email]),
            ("--link", &self.link, &[MatchKind::Link, MatchKind::CheckCode]),
        ];
        options.into_iter().find_map(|(name, text, kinds)| Some((name, text.as_deref()?, kinds)))
    }

    /// The borrower that an option names; `None` if no option does.
    pub(super) async fn named(&self, at: &BorrowerSearchPlace<'_>) -> Result<Option<NamedBorrower>, CliError> {
        self.merchant.iter().try_for_each(|name| known(at.merchants, name).map(drop))?;
        if let Some(id) = &self.borrower {
            return Ok(Some(NamedBorrower { id: id.clone(), merchant: self.merchant.clone() }));
        }
        let Some((option, text, kinds)) = self.found_by() else { return Ok(None) };
        let key = self.found(option, text, kinds, at).await?;
        Ok(Some(NamedBorrower { id: key.id, merchant: Some(key.merchant) }))
    }

    async fn found(
        &self,
        option: &'static str,
        text: &str,
        only: &[MatchKind],
        at: &BorrowerSearchPlace<'_>,
    ) -> Result<BorrowerKey, CliError> {
        let (merchants, merchant) = (at.merchants, self.merchant.as_ref());
        let request = FindRequest { text, merchants, merchant, only, limit: LISTED };
        let mut found = find(at.store, at.links, &request).await?;
        match found.found.len() {
            0 => Err(CliError::Failed(format!(
                "{option} names no borrower; `dueherald find` tries every meaning of a text"
            ))),
            1 => Ok(found.found.remove(0).key),
            _ => Err(CliError::Use(several_match(option, &found))),
        }
    }

    /// The borrower and the merchant by which a list is narrowed.
    pub(super) async fn filter(
        &self,
        at: &BorrowerSearchPlace<'_>,
    ) -> Result<(Option<BorrowerId>, Option<MerchantId>), CliError> {
        if self.found_by().is_none() {
            // A merchant that left the config still has records to list.
            return Ok((self.borrower.clone(), self.merchant.clone()));
        }
        let named = self.named(at).await?;
        Ok(named.map_or((None, None), |named| (Some(named.id), named.merchant)))
    }

    /// Whether a link is to be opened, for which the config's link keys are needed.
    pub(super) fn needs_links(&self) -> bool {
        self.link.is_some()
    }
}

impl<'a> BorrowerSearchPlace<'a> {
    /// The place of a command that has the whole config.
    pub(super) fn of(app: &'a App) -> Self {
        Self { store: &*app.store, links: Some(&app.composer.links), merchants: &app.policy.merchants }
    }
}

impl BorrowerSelector {
    /// The borrower that the options name, with the merchant.
    pub(super) async fn key(&self, at: &BorrowerSearchPlace<'_>) -> Result<BorrowerKey, CliError> {
        let none = || CliError::Use("name a borrower with --borrower, --phone, --order, --email or --link".to_owned());
        let NamedBorrower { id, merchant } = self.names.named(at).await?.ok_or_else(none)?;
        match merchant {
            Some(merchant) => Ok(BorrowerKey { merchant, id }),
            None => self.names.found("--borrower", id.as_str(), &[MatchKind::Borrower], at).await,
        }
    }

    /// The borrower that the options name; without the merchant, where the number alone is given.
    pub(super) async fn named(&self, at: &BorrowerSearchPlace<'_>) -> Result<NamedBorrower, CliError> {
        let none = || CliError::Use("name a borrower with --borrower, --phone, --order, --email or --link".to_owned());
        self.names.named(at).await?.ok_or_else(none)
    }

    /// Whether a link is to be opened.
    pub(super) fn needs_links(&self) -> bool {
        self.names.needs_links()
    }
}

/// A borrower by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedBorrower {
    /// The merchant's number.
    pub(super) id: BorrowerId,
    /// The merchant, if it is known.
    pub(super) merchant: Option<MerchantId>,
}

/// Where borrowers are searched.
#[derive(Clone, Copy)]
pub(super) struct BorrowerSearchPlace<'a> {
    /// The database.
    pub(super) store: &'a dyn Store,
    /// The keys of links and check codes; a command that needs only the store has none.
    pub(super) links: Option<&'a LinkKeys>,
    /// The merchants of the config.
    pub(super) merchants: &'a BTreeMap<MerchantId, Merchant>,
}

fn several_match(option: &str, found: &FoundBorrowers) -> String {
    let listed = found.found.iter();
    let listed = listed.map(|one| format!("\n  --merchant {} --borrower {}", one.key.merchant, one.key.id));
    let more = if found.is_cut { "\n  …" } else { "" };
    format!("{option} names several borrowers; name one of them:{}{more}", listed.collect::<String>())
}
