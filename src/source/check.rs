//! Validates the cells of one record.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use phonenumber::country;

use super::fault::Faults;
use super::phone;
use super::spreadsheet::{garbled, spoiled_identifier, without_invisible, without_placeholders};
use super::{Column, preferences};
use crate::domain::{
    Amendment, AmountUnit, BorrowerId, BorrowerKey, BorrowerUpdate, Currency, EmailAddress, FieldUpdate, InstallmentId,
    InstallmentStatus, LONGEST_GRACE, LedgerRow, Locale, Merchant, MerchantId, PersonName, Phone, RecordCells,
    RecordKind, RejectedRecord, RouteKey, SourceName, Tags, Verifier, clean,
};
use crate::plan::read_time_zone;

/// The longest cell that is read, in bytes.
pub(super) const MAX_FIELD: usize = 64 * 1024;

/// The most letters of an order number, a product or the reason of a hold: long enough for a list of goods, short
/// enough for a message.
const MAX_TEXT_CHARS: usize = 1000;

/// Years outside these are slips of the pen; no lender has an instalment due in them.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

/// Plans of more instalments than this are slips of the pen.
const MAX_SEQUENCE: u32 = 9999;

/// The values of a record, column by column: `None` is a missing column, an empty text is an empty cell. Without outer
/// white space.
pub(super) type Cells<'a> = [Option<&'a str>; Column::COUNT];

/// Turns cells into sound rows. Knows the merchants.
///
/// A fault in a column that decides about a debt ([`Column::decides`]), or in the record as a whole, refuses the
/// record. A fault in any other column loses the cell and not the row: the known value stays, and the row's amounts,
/// dates and status are applied.
#[derive(Debug)]
pub(super) struct Checker {
    /// The merchants, each with the country of its national phone numbers.
    merchants: BTreeMap<MerchantId, Option<country::Id>>,
    /// The time zone of each merchant: a hold until a date lasts to the end of that date there.
    zones: BTreeMap<MerchantId, Tz>,
    /// The unit of each merchant's amounts, where a record does not name one.
    units: BTreeMap<MerchantId, AmountUnit>,
    /// The last locale, as written and as understood: most files have one or two.
    locale: Option<(Box<str>, Locale)>,
}

/// A merchant of the config, with the country of its national phone numbers.
type KnownMerchant = (MerchantId, Option<country::Id>);

/// The fields about the person who owes.
struct PersonFields {
    name: FieldUpdate<PersonName>,
    phone: FieldUpdate<Phone>,
    email: FieldUpdate<EmailAddress>,
    locale: FieldUpdate<Locale>,
    time_zone: FieldUpdate<Tz>,
    account_phone: FieldUpdate<Phone>,
    verifier: FieldUpdate<Verifier>,
}

impl Checker {
    pub(super) fn new(merchants: &BTreeMap<MerchantId, Merchant>) -> Self {
        let zones = merchants.iter().map(|(id, merchant)| (id.clone(), merchant.time_zone)).collect();
        let units = merchants.iter().map(|(id, merchant)| (id.clone(), merchant.amount_unit)).collect();
        let country = |merchant: &Merchant| merchant.country.to_ascii_uppercase().parse().ok();
        let merchants = merchants.iter().map(|(id, merchant)| (id.clone(), country(merchant))).collect();
        Self { merchants, zones, units, locale: None }
    }

    /// The row that `cells` make, if no fault refuses it. Every fault is in `faults`: with a row, those of cells that
    /// were left out. An instalment may come again: the later row counts.
    pub(super) fn row(&mut self, cells: &Cells<'_>, faults: &mut Faults) -> Option<LedgerRow> {
        check_forms(cells, faults);
        let cells = &without_placeholders(&without_invisible(cells));
        let merchant = self.merchant(cells, faults);
        let borrower =
            required(cells, Column::BorrowerId, faults, |text| BorrowerId::new(identifier(text)?).map_err(fault_text));
        let installment = required(cells, Column::InstallmentId, faults, |text| {
            InstallmentId::new(identifier(text)?).map_err(fault_text)
        });
        let currency = required(cells, Column::Currency, faults, |text| Currency::new(text).map_err(fault_text));
        let unit = self.amount_unit(cells, merchant.as_ref(), faults);
        // Without a currency and a unit nothing more can be said about the amounts, nor about phone numbers without a
        // merchant.
        let (amount, paid_amount) = match currency.zip(unit) {
            Some((currency, unit)) => {
                let money = |text: &str| unit.parse(text, currency).map_err(fault_text);
                (required(cells, Column::Amount, faults, money), said(cells, Column::PaidAmount, faults, money))
            }
            None => {
                required(cells, Column::Amount, faults, |_| Ok(()));
                (None, FieldUpdate::Keep)
            }
        };
        let due_date = required(cells, Column::DueDate, faults, date);
        let person = self.person(cells, merchant.as_ref(), faults);
        let (sequence, of) = place_in_plan(cells, faults);
        let order_ref = said(cells, Column::OrderRef, faults, readable_text);
        let product = said(cells, Column::Product, faults, readable_text);
        let status = said(cells, Column::Status, faults, |text| text.parse::<InstallmentStatus>().map_err(fault_text));
        let preferences = preferences::read(cells, self.zone(&person, merchant.as_ref()), faults);
        let route = said(cells, Column::Route, faults, |text| RouteKey::new(text).map_err(fault_text));
        let tags = said(cells, Column::Tags, faults, |text| text.parse::<Tags>().map_err(fault_text));
        let grace_days = said(cells, Column::GraceDays, faults, grace_days);
        if faults.refuse() {
            return None;
        }
        let (merchant, _) = merchant?;
        let PersonFields { name, phone, email, locale, time_zone, account_phone, verifier } = person;
        Some(LedgerRow {
            borrower: BorrowerKey { merchant, id: borrower? },
            installment: installment?,
            amount: amount?,
            due_date: due_date?,
            name,
            phone,
            email,
            locale,
            time_zone,
            account_phone,
            verifier,
            order_ref,
            product,
            sequence,
            of,
            paid_amount,
            status,
            route,
            tags,
            grace_days,
            preferences,
            source: None,
        })
    }

    /// The row about a borrower alone that `cells` make, if no fault refuses it; else as [`Checker::row`].
    pub(super) fn borrower_row(&mut self, cells: &Cells<'_>, faults: &mut Faults) -> Option<BorrowerUpdate> {
        check_forms(cells, faults);
        let cells = &without_placeholders(&without_invisible(cells));
        let merchant = self.merchant(cells, faults);
        let borrower =
            required(cells, Column::BorrowerId, faults, |text| BorrowerId::new(identifier(text)?).map_err(fault_text));
        let person = self.person(cells, merchant.as_ref(), faults);
        let preferences = preferences::read(cells, self.zone(&person, merchant.as_ref()), faults);
        if faults.refuse() {
            return None;
        }
        let PersonFields { name, phone, email, locale, time_zone, account_phone, verifier } = person;
        let borrower = BorrowerKey { merchant: merchant?.0, id: borrower? };
        Some(BorrowerUpdate { borrower, name, phone, email, locale, time_zone, account_phone, verifier, preferences })
    }

    /// The fields about the person who owes.
    fn person(&mut self, cells: &Cells<'_>, merchant: Option<&KnownMerchant>, faults: &mut Faults) -> PersonFields {
        let (phone, account_phone) = match merchant {
            Some((_, country)) => phones(cells, *country, faults),
            None => (FieldUpdate::Keep, FieldUpdate::Keep),
        };
        PersonFields {
            phone,
            account_phone,
            verifier: said(cells, Column::Verifier, faults, |text| Verifier::read(text).map_err(fault_text)),
            name: said(cells, Column::Name, faults, |text| PersonName::new(&legible(text)?).map_err(fault_text)),
            email: said(cells, Column::Email, faults, |text| {
                EmailAddress::new(text).map_err(|error| format!("{error} such as li.wei@example.com"))
            }),
            locale: said(cells, Column::Locale, faults, |text| self.locale(text)),
            time_zone: said(cells, Column::TimeZone, faults, read_time_zone),
        }
    }

    /// The time zone in which a hold until a date ends.
    fn zone(&self, person: &PersonFields, merchant: Option<&KnownMerchant>) -> Tz {
        match &person.time_zone {
            FieldUpdate::Set(Some(zone)) => *zone,
            _ => merchant.and_then(|(id, _)| self.zones.get(id)).copied().unwrap_or_default(),
        }
    }

    /// The amendment in `cells`, to an instalment that the ledger knows, or all their faults in `faults`.
    pub(super) fn amendment(&self, cells: &Cells<'_>, faults: &mut Faults) -> Option<Amendment> {
        check_forms(cells, faults);
        let cells = &without_invisible(cells);
        let merchant = self.merchant(cells, faults);
        let installment = required(cells, Column::InstallmentId, faults, |text| {
            InstallmentId::new(identifier(text)?).map_err(fault_text)
        });
        let unit = self.amount_unit(cells, merchant.as_ref(), faults);
        let paid_amount = match cells[Column::PaidAmount as usize] {
            None => FieldUpdate::Keep,
            Some(_) => {
                let unit = unit?;
                let currency =
                    required(cells, Column::Currency, faults, |text| Currency::new(text).map_err(fault_text))?;
                said(cells, Column::PaidAmount, faults, |text| unit.parse(text, currency).map_err(fault_text))
            }
        };
        let status = said(cells, Column::Status, faults, |text| text.parse::<InstallmentStatus>().map_err(fault_text));
        if faults.refuse() {
            return None;
        }
        Some(Amendment { merchant: merchant?.0, installment: installment?, paid_amount, status })
    }

    /// A refused record as it is kept until it can be applied; `source` is where it came from, if not from a file.
    pub(super) fn rejected(
        &self,
        kind: RecordKind,
        source: Option<&SourceName>,
        cells: &Cells<'_>,
        faults: &Faults,
    ) -> RejectedRecord {
        let written = &without_invisible(cells);
        let cell = |column: Column| written[column as usize].unwrap_or_default();
        let kept = |column: &Column| {
            // A verifier is stored as a hash only: a record that is tried again says nothing of it.
            let cell = written[*column as usize].filter(|_| *column != Column::Verifier);
            let text = cell.filter(|text| text.len() <= MAX_FIELD)?;
            // PostgreSQL keeps no NUL.
            Some((column.name().to_owned(), text.replace('\0', "\u{fffd}")))
        };
        // A merchant that the config does not have is readable: the config may have it one day.
        let merchant = MerchantId::new(cell(Column::Merchant)).ok();
        let mut cells: BTreeMap<_, _> = Column::ALL.iter().filter_map(kept).collect();
        // The unit may be its source's, or the config may name another one by the time that it is tried again.
        if let Some(unit) = merchant.as_ref().and_then(|merchant| self.units.get(merchant)) {
            let named = cells.entry(Column::AmountUnit.name().to_owned()).or_default();
            if named.is_empty() {
                *named = unit.to_string();
            }
        }
        RejectedRecord {
            source: source.cloned(),
            kind,
            merchant,
            installment: InstallmentId::new(cell(Column::InstallmentId))
                .ok()
                .filter(|_| !faults.has(Column::InstallmentId)),
            cells: RecordCells(cells),
            waits: false,
            reason: faults.to_string(),
        }
    }

    fn merchant(&self, cells: &Cells<'_>, faults: &mut Faults) -> Option<KnownMerchant> {
        required(cells, Column::Merchant, faults, |text| {
            let known = self.merchants.get_key_value(text).map(|(id, country)| (id.clone(), *country));
            known.ok_or_else(|| format!("is unknown; configured: {}", self.merchant_list()))
        })
    }

    /// The unit of a record's amounts; `None` if its cell names no unit, which is a fault.
    fn amount_unit(
        &self,
        cells: &Cells<'_>,
        merchant: Option<&KnownMerchant>,
        faults: &mut Faults,
    ) -> Option<AmountUnit> {
        let of_merchant = merchant.and_then(|(id, _)| self.units.get(id)).copied().unwrap_or_default();
        match cells[Column::AmountUnit as usize] {
            None | Some("") => Some(of_merchant),
            Some(text) => sound(text, Column::AmountUnit, faults, |text| text.parse().map_err(fault_text)),
        }
    }

    fn merchant_list(&self) -> String {
        const SHOWN: usize = 5;
        let mut list: Vec<_> = self.merchants.keys().take(SHOWN).map(MerchantId::as_str).collect();
        match self.merchants.len() {
            0 => list.push("it has none"),
            SHOWN.. if self.merchants.len() > SHOWN => list.push("…"),
            _ => {}
        }
        list.join(", ")
    }

    fn locale(&mut self, text: &str) -> Result<Locale, String> {
        if let Some((written, locale)) = &self.locale
            && **written == *text
        {
            return Ok(locale.clone());
        }
        let locale = Locale::new(text).map_err(fault_text)?;
        self.locale = Some((text.into(), locale.clone()));
        Ok(locale)
    }
}

fn check_forms(cells: &Cells<'_>, faults: &mut Faults) {
    for column in Column::ALL {
        check_form(*column, cells[*column as usize], faults);
    }
}

/// Checks a cell independently of its column's meaning.
fn check_form(column: Column, cell: Option<&str>, faults: &mut Faults) {
    let Some(text) = cell else { return };
    if text.len() > MAX_FIELD {
        faults.column(column, "is longer than 64 KiB");
    }
    if text.contains('\0') {
        faults.column(column, "contains a NUL character");
    }
}

fn required<T>(
    cells: &Cells<'_>,
    column: Column,
    faults: &mut Faults,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    match cells[column as usize] {
        None => {
            faults.column(column, "is missing");
            None
        }
        Some("") => {
            faults.column(column, "is empty");
            None
        }
        Some(text) => sound(text, column, faults, read),
    }
}

pub(super) fn said<T>(
    cells: &Cells<'_>,
    column: Column,
    faults: &mut Faults,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> FieldUpdate<T> {
    match cells[column as usize] {
        None => FieldUpdate::Keep,
        // A cell that could not be read may be empty here, and an empty cell would delete the known value.
        Some(_) if faults.has(column) => FieldUpdate::Keep,
        Some("") => FieldUpdate::Set(None),
        Some(text) => {
            sound(text, column, faults, read).map_or(FieldUpdate::Keep, |value| FieldUpdate::Set(Some(value)))
        }
    }
}

/// Which instalment of how many: both or neither, as one says nothing without the other.
fn place_in_plan(cells: &Cells<'_>, faults: &mut Faults) -> (FieldUpdate<u32>, FieldUpdate<u32>) {
    let sequence = said(cells, Column::Sequence, faults, count);
    let of = said(cells, Column::Of, faults, count);
    match (&sequence, &of) {
        (FieldUpdate::Set(Some(number)), FieldUpdate::Set(Some(all))) if number > all => {
            faults.column(Column::Sequence, "is greater than of: the third of twelve is sequence 3, of 12");
            (FieldUpdate::Keep, FieldUpdate::Keep)
        }
        _ => (sequence, of),
    }
}

fn sound<T>(
    text: &str,
    column: Column,
    faults: &mut Faults,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    if text.len() > MAX_FIELD {
        return None;
    }
    match read(text) {
        Ok(value) => Some(value),
        Err(problem) => {
            faults.column(column, problem);
            None
        }
    }
}

pub(super) fn fault_text(error: impl std::error::Error) -> String {
    error.to_string()
}

fn identifier(text: &str) -> Result<&str, String> {
    spoiled_identifier(text).map_or(Ok(text), |problem| Err(problem.to_owned()))
}

/// Both numbers of a row; mostly they are the same.
fn phones(
    cells: &Cells<'_>,
    country: Option<country::Id>,
    faults: &mut Faults,
) -> (FieldUpdate<Phone>, FieldUpdate<Phone>) {
    let phone = said(cells, Column::Phone, faults, |text| phone_number(text, country));
    if cells[Column::AccountPhone as usize] == cells[Column::Phone as usize] {
        return (phone.clone(), phone);
    }
    (phone, said(cells, Column::AccountPhone, faults, |text| phone_number(text, country)))
}

pub(super) fn phone_number(text: &str, country: Option<country::Id>) -> Result<Phone, String> {
    phone::normalise(text, country).ok_or_else(|| match country {
        Some(country) => format!(
            "is not a valid phone number in {}; one of another country begins with + and the country's code",
            country.as_ref()
        ),
        None => "is not a valid phone number in international form such as +8613800138000".to_owned(),
    })
}

fn date(text: &str) -> Result<NaiveDate, String> {
    let shaped = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !shaped {
        return Err("is not a date in the form 2026-03-31".to_owned());
    }
    text.parse()
        .ok()
        .filter(|date: &NaiveDate| YEARS.contains(&date.year()))
        .ok_or_else(|| "is not a day of the calendar between 1970 and 2199".to_owned())
}

fn count(text: &str) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && (1..=MAX_SEQUENCE).contains(number))
        .ok_or_else(|| format!("is not a whole number from 1 to {MAX_SEQUENCE}"))
}

fn grace_days(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|days| digits && *days <= LONGEST_GRACE)
        .ok_or_else(|| format!("is not a whole number of days from 0 to {LONGEST_GRACE}"))
}

pub(super) fn short_text(text: &str) -> Result<String, String> {
    let text = legible(text)?;
    if text.chars().any(char::is_control) {
        return Err("contains a control character".to_owned());
    }
    if text.len() > MAX_TEXT_CHARS && text.chars().count() > MAX_TEXT_CHARS {
        return Err(format!("is longer than {MAX_TEXT_CHARS} characters"));
    }
    Ok(text.into_owned())
}

/// A text that borrowers read.
pub(super) fn readable_text(text: &str) -> Result<String, String> {
    Ok(clean(&legible(text)?, MAX_TEXT_CHARS).map_err(fault_text)?.into_owned())
}

/// A text in one line that nothing has garbled.
fn legible(text: &str) -> Result<std::borrow::Cow<'_, str>, String> {
    garbled(text).map_or_else(|| Ok(one_line(text)), |problem| Err(problem.to_owned()))
}

/// Line breaks and tabs, which spreadsheets allow within a cell, become one space each run.
fn one_line(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(['\n', '\r', '\t']) {
        return text.into();
    }
    text.split(['\n', '\r', '\t']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ").into()
}
