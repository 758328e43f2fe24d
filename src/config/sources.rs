//! `[[sources]]`: where the ledger comes from.

mod folder;
mod hook;
mod preset;
mod sql;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::reading::Section;
use super::value::{amount_unit, duration, text, word};
use crate::domain::{AmountUnit, Merchant, MerchantId, SourceName};
use crate::plan::Schedule;

pub use folder::FolderSource;
pub use hook::{HookProof, HookSource, SignatureEncoding};
pub use sql::DatabaseSource;

/// An entry of `[[sources]]`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, under which the store keeps how far it was read.
    pub name: SourceName,
    /// The merchant of every row, if the source names none.
    pub merchant: Option<MerchantId>,
    /// The unit of every row's amounts, if the rows do not name it; by default the merchant's.
    pub amount_unit: Option<AmountUnit>,
    /// The greatest age of its data with which reminders still go out.
    pub max_ledger_age: Option<TimeDelta>,
    /// The kind, with the settings of that kind.
    pub kind: SourceKind,
}

/// The kind of a source, with its settings.
#[derive(Debug, Clone)]
pub enum SourceKind {
    /// The lender's own database, pulled on a schedule.
    Sql(Box<DatabaseSource>),
    /// Webhooks of the lender's system.
    Hook(Box<HookSource>),
    /// Files that the lender puts into a folder.
    Folder(Box<FolderSource>),
}

impl Source {
    /// The merchants as its rows are to be read: with its own unit of amounts, if it has one.
    #[must_use]
    pub fn merchants<'m>(
        &self,
        merchants: &'m BTreeMap<MerchantId, Merchant>,
    ) -> Cow<'m, BTreeMap<MerchantId, Merchant>> {
        let Some(amount_unit) = self.amount_unit else { return Cow::Borrowed(merchants) };
        let with_unit =
            |(id, merchant): (&MerchantId, &Merchant)| (id.clone(), Merchant { amount_unit, ..merchant.clone() });
        Cow::Owned(merchants.iter().map(with_unit).collect())
    }

    /// Whether it asks how new the lender's data is.
    #[must_use]
    pub fn asks_data_age(&self) -> bool {
        match &self.kind {
            SourceKind::Sql(database) => database.settings.freshness.is_some(),
            SourceKind::Folder(_) | SourceKind::Hook(_) => false,
        }
    }

    /// Whether a complete pull of it says what is paid: a posted payment that it does not show is none.
    #[must_use]
    pub fn tells_of_payments(&self) -> bool {
        match &self.kind {
            SourceKind::Sql(database) => !database.settings.pays_elsewhere,
            // A file without an instalment says nothing of it.
            SourceKind::Folder(_) | SourceKind::Hook(_) => false,
        }
    }

    /// Whether it is read on a schedule, so that its data have an age.
    #[must_use]
    pub fn is_pulled(&self) -> bool {
        match self.kind {
            SourceKind::Sql(_) | SourceKind::Folder(_) => true,
            SourceKind::Hook(_) => false,
        }
    }
}

/// A parsed entry of `[[sources]]`.
pub(super) struct ReadSource {
    /// Its key from the root.
    pub(super) path: String,
    /// The merchant it names.
    pub(super) merchant: Option<MerchantId>,
    /// The whole of it, if it is without mistakes.
    pub(super) source: Option<Source>,
}

/// The keys that every kind has.
#[derive(Debug, Clone)]
struct Common {
    name: SourceName,
    merchant: Option<MerchantId>,
    amount_unit: Option<AmountUnit>,
    max_ledger_age: Option<TimeDelta>,
}

/// The words of the kinds.
#[derive(Debug, Clone, Copy)]
enum KindWord {
    Sql,
    Hook,
    Folder,
}

/// Reads `[[sources]]`. The schedules are in the zone of `[schedule]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, zone: Option<Tz>, folder: &Path) -> Vec<ReadSource> {
    let mut names = Vec::new();
    let sections = root.elements("sources").into_iter();
    let read: Vec<_> = sections.map(|section| source(section, zone.unwrap_or(Tz::UTC), folder, &mut names)).collect();
    for one in &read {
        let Some(SourceKind::Hook(hook)) = one.source.as_ref().map(|source| &source.kind) else { continue };
        let Some(name) = &hook.then_pull else { continue };
        let is_pulled = |other: &ReadSource| {
            other.source.as_ref().is_none_or(|other| other.name == *name && matches!(other.kind, SourceKind::Sql(_)))
        };
        if !read.iter().any(is_pulled) {
            let text = format!("names no source of kind \"sql\": there is no \"{name}\"");
            root.reading.note_at(&format!("{}.then_pull", one.path), text);
        }
    }
    read
}

fn source(mut section: Section<'_, '_, '_>, cron_zone: Tz, folder: &Path, taken: &mut Vec<SourceName>) -> ReadSource {
    let path = section.path.clone();
    let kind = section.required("kind", r#""sql""#, |value| {
        word(value, &[("sql", KindWord::Sql), ("hook", KindWord::Hook), ("folder", KindWord::Folder)])
    });
    let name = section.required("name", r#""core""#, |value| {
        let name = SourceName::new(text(value)?).map_err(|problem| format!("{problem}; choose another name"))?;
        if taken.contains(&name) {
            Err("is the name of another source too; choose another name".into())
        } else {
            Ok(name)
        }
    });
    taken.extend(name.clone());
    let merchant = section.optional("merchant", |value| {
        MerchantId::new(text(value)?).map_err(|problem| format!("{problem}; choose another name"))
    });
    let amount_unit = section.optional("amount_unit", amount_unit);
    // Webhooks have no age: nobody knows whether one is missing.
    let max_ledger_age = match kind {
        Some(KindWord::Hook) => Some(None),
        _ => section.optional("max_ledger_age", duration),
    };
    let has_merchant = !matches!(merchant, Some(None));
    let named = ReadSource { path, merchant: merchant.clone().flatten(), source: None };
    let span = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
    let common = || {
        let max_ledger_age = max_ledger_age?.map(span);
        Some(Common { name: name?, merchant: merchant?, amount_unit: amount_unit?, max_ledger_age })
    };
    let common = common();
    let kind = match kind {
        Some(KindWord::Sql) => {
            let read = sql::read(&mut section, common.as_ref(), cron_zone, folder);
            read.map(|settings| SourceKind::Sql(Box::new(settings)))
        }
        Some(KindWord::Hook) => {
            let read = hook::read(&mut section, has_merchant);
            read.map(|settings| SourceKind::Hook(Box::new(settings)))
        }
        Some(KindWord::Folder) => {
            let read = folder::read(&mut section, cron_zone, folder);
            read.map(|settings| SourceKind::Folder(Box::new(settings)))
        }
        None => {
            section.give_up();
            return named;
        }
    };
    section.finish();
    let source = common.zip(kind).map(|(common, kind)| {
        let Common { name, merchant, amount_unit, max_ledger_age } = common;
        Source { name, merchant, amount_unit, max_ledger_age, kind }
    });
    ReadSource { source, ..named }
}

/// When a source is read.
fn cron(section: &mut Section<'_, '_, '_>, zone: Tz) -> Option<Schedule> {
    section.required("cron", r#""*/5 * * * *""#, |value| {
        Schedule::new(&text(value)?, zone).map_err(|error| error.to_string())
    })
}
