//! Webhooks of the lender's systems: which fields of a body become which columns.

use std::collections::BTreeMap;

use serde_json::Value;

use super::objects::{ObjectChecker, ObjectKind, SoundObject};
use super::{Column, RejectedRow};
use crate::domain::{
    Amendment, AmountUnit, Currency, InstallmentId, LedgerRow, Merchant, PaymentId, PaymentReport, PaymentState,
    RecordCells, RecordKind, RejectedRecord, SourceName,
};

/// The most items that are read from one body.
const MAX_ITEMS: usize = 10_000;

/// A field of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookField {
    /// A column of an import.
    Column(Column),
    /// The lender's number for a payment: items are payments then.
    PaymentId,
    /// The state of a payment.
    State,
    /// When the borrower paid.
    PaidAt,
}

impl HookField {
    /// All fields of a payment beside the columns.
    pub const OF_PAYMENT: [Self; 3] = [Self::PaymentId, Self::State, Self::PaidAt];

    /// Its name in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Column(column) => column.name(),
            Self::PaymentId => "payment_id",
            Self::State => "state",
            Self::PaidAt => "paid_at",
        }
    }
}

/// Where the value of a field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookValue {
    /// A JSON pointer, into the item or else into the whole body.
    Pointer(String),
    /// The same for every item.
    Constant(String),
}

/// A condition on a body: the value at a JSON pointer is one of these; of any kind if there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCondition {
    /// The JSON pointer.
    pub pointer: String,
    /// The texts.
    pub is_one_of: Vec<String>,
    /// Whether a text that begins with one of them is enough.
    pub is_prefix: bool,
}

/// The mapping of a webhook's bodies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookMap {
    /// Bodies that do not meet all of these are passed over.
    pub when: Vec<HookCondition>,
    /// The JSON pointer to the list of items; without it the whole body is one.
    pub items: Option<String>,
    /// The fields of an item; none where a webhook carries no values.
    pub fields: Vec<(HookField, HookValue)>,
}

/// The content of a body.
#[derive(Debug, Default)]
pub struct HookContent {
    /// Instalments.
    pub rows: Vec<LedgerRow>,
    /// Payments as sums, and statuses.
    pub amendments: Vec<Amendment>,
    /// Single payments.
    pub payments: Vec<PaymentReport>,
    /// Items that are refused.
    pub rejected: Vec<RejectedRow>,
    /// Whether the body is one that the conditions pass over.
    pub is_passed_over: bool,
}

impl HookMap {
    /// Whether bodies have values that are applied.
    #[must_use]
    pub fn has_values(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Reads a body. What is no JSON has nothing in it; the endpoint has refused it before.
    #[must_use]
    pub fn read(&self, body: &str, merchant: &Merchant, source: &SourceName) -> HookContent {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let mut content = HookContent::default();
        if !self.when.iter().all(|one| one.is_met(&body)) {
            content.is_passed_over = true;
            return content;
        }
        if !self.has_values() {
            return content;
        }
        let whole = std::slice::from_ref(&body);
        let items = match &self.items {
            None => whole,
            Some(pointer) => match body.pointer(pointer) {
                Some(Value::Array(items)) => items.as_slice(),
                Some(item @ Value::Object(_)) => std::slice::from_ref(item),
                _ => &[],
            },
        };
        let mut checker = ObjectChecker::new(merchant, ObjectKind::Installment);
        for (number, item) in (1..).zip(items.iter().take(MAX_ITEMS)) {
            let cells = self.cells(item, &body);
            if cells.contains_key(HookField::PaymentId.name()) || self.is_of_payments() {
                match payment(&cells, merchant) {
                    Ok(payment) => content.payments.push(payment),
                    Err(reason) => content.rejected.push(refused(number, &cells, merchant, source, reason)),
                }
                continue;
            }
            let text = serde_json::to_string(&cells).unwrap_or_default();
            match checker.check(number, &text).read {
                Ok(SoundObject::Row(row)) => content.rows.push(*row),
                Ok(SoundObject::Amendment(amendment)) => content.amendments.push(amendment),
                Ok(SoundObject::Borrower(_)) => {}
                Err(mut rejected) => {
                    if let Some(record) = &mut rejected.record {
                        record.source = Some(source.clone());
                    }
                    content.rejected.push(rejected);
                }
            }
        }
        content
    }

    fn is_of_payments(&self) -> bool {
        self.fields.iter().any(|(field, _)| *field == HookField::PaymentId)
    }

    /// The texts of an item. A value that is missing or null says nothing.
    fn cells(&self, item: &Value, body: &Value) -> BTreeMap<&'static str, String> {
        let cell = |(field, value): &(HookField, HookValue)| {
            let text = match value {
                HookValue::Constant(text) => text.clone(),
                HookValue::Pointer(pointer) => text_of(item.pointer(pointer).or_else(|| body.pointer(pointer))?)?,
            };
            Some((field.name(), text))
        };
        self.fields.iter().filter_map(cell).collect()
    }
}

impl HookCondition {
    fn is_met(&self, body: &Value) -> bool {
        let Some(text) = body.pointer(&self.pointer).and_then(text_of) else { return false };
        let is_same = |one: &String| if self.is_prefix { text.starts_with(one.as_str()) } else { text == *one };
        self.is_one_of.is_empty() || self.is_one_of.iter().any(is_same)
    }
}

/// A value as the text of a cell. A list of three numbers is a date, as some systems write it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(parts) => {
            let [year, month, day] = parts.as_slice() else { return None };
            Some(format!("{:04}-{:02}-{:02}", year.as_u64()?, month.as_u64()?, day.as_u64()?))
        }
        Value::Null | Value::Object(_) => None,
    }
}

fn payment(cells: &BTreeMap<&'static str, String>, merchant: &Merchant) -> Result<PaymentReport, String> {
    let cell = |name: &'static str| {
        cells.get(name).map(String::as_str).filter(|text| !text.is_empty()).ok_or_else(|| format!("{name} is missing"))
    };
    let id = PaymentId::new(cell("payment_id")?).map_err(|error| format!("payment_id {error}"))?;
    let installment = cell("installment_id")?;
    let installment = InstallmentId::new(installment).map_err(|error| format!("installment_id {error}"))?;
    let currency = Currency::new(cell("currency")?).map_err(|error| format!("currency {error}"))?;
    let unit = cells.get("amount_unit").map_or(Ok(merchant.amount_unit), |text| text.parse());
    let unit: AmountUnit = unit.map_err(|error| format!("amount_unit {error}"))?;
    let amount = unit.parse(cell("amount")?, currency).map_err(|error| format!("amount {error}"))?;
    if amount.amount().is_zero() {
        return Err("amount is zero".to_owned());
    }
    let state = cell("state")?.to_ascii_lowercase();
    let state: PaymentState = state.parse().map_err(|_| "state is none of pending, posted, reversed".to_owned())?;
    let paid_at = cells.get("paid_at").and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
    let paid_at = paid_at.map(|at| at.to_utc());
    Ok(PaymentReport { merchant: merchant.id.clone(), id, installment, amount, paid_at, state })
}

/// A payment that is refused: while it is kept, it holds the reminders of its instalment.
fn refused(
    number: u64,
    cells: &BTreeMap<&'static str, String>,
    merchant: &Merchant,
    source: &SourceName,
    reason: String,
) -> RejectedRow {
    let installment = cells.get("installment_id").and_then(|id| InstallmentId::new(id).ok());
    let mut kept: BTreeMap<_, _> =
        cells.iter().map(|(name, text)| ((*name).to_owned(), text.replace('\0', "\u{fffd}"))).collect();
    kept.insert("merchant".to_owned(), merchant.id.to_string());
    let record = RejectedRecord {
        source: Some(source.clone()),
        kind: RecordKind::Amendment,
        merchant: Some(merchant.id.clone()),
        installment: installment.clone(),
        cells: RecordCells(kept),
        waits: false,
        reason,
    };
    let key = installment.map(|id| id.to_string());
    RejectedRow::row(number, key, Vec::new(), Some(Box::new(record)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{HookCondition, HookField, HookMap, HookValue};
    use crate::domain::{AmountUnit, Merchant, PaymentState, SourceName, Support};
    use crate::source::Column;

    fn merchant() -> Merchant {
        Merchant {
            id: "mall".parse().expect("an id"),
            name: "Mall".into(),
            signature: "Mall".into(),
            app_name: "Mall".into(),
            locale: "en".parse().expect("a locale"),
            time_zone: chrono_tz::UTC,
            country: "CN".into(),
            countries: Vec::new(),
            jurisdiction: "cn".parse().expect("a jurisdiction"),
            amount_unit: AmountUnit::Major,
            discreet: false,
            stopped: false,
            link_base: "https://pay.example.com".into(),
            bare_links: false,
            support: Support { phone: None, email: None, hours: None },
        }
    }

    fn source() -> SourceName {
        "hook".parse().expect("a name")
    }

    fn pointer(field: HookField, pointer: &str) -> (HookField, HookValue) {
        (field, HookValue::Pointer(pointer.to_owned()))
    }

    fn constant(field: HookField, text: &str) -> (HookField, HookValue) {
        (field, HookValue::Constant(text.to_owned()))
    }

    #[test]
    fn items_become_payments_and_a_bad_one_is_refused_alone() {
        let map = HookMap {
            when: Vec::new(),
            items: Some("/lines".to_owned()),
            fields: vec![
                pointer(HookField::PaymentId, "/id"),
                pointer(HookField::Column(Column::InstallmentId), "/loan"),
                pointer(HookField::Column(Column::Amount), "/sum"),
                pointer(HookField::Column(Column::Currency), "/currency"),
                constant(HookField::State, "posted"),
            ],
        };
        let body = r#"{"currency": "CNY", "lines": [{"id": 7, "loan": 12, "sum": 28.50}, {"id": 8, "loan": 13}, 9]}"#;
        let content = map.read(body, &merchant(), &source());
        let payment = &content.payments[0];
        assert_eq!(
            (payment.id.as_str(), payment.installment.as_str(), payment.state),
            ("7", "12", PaymentState::Posted)
        );
        assert_eq!(payment.amount.amount().to_string(), "28.50");
        let records: Vec<_> = content.rejected.iter().filter_map(|one| one.record.as_deref()).collect();
        assert_eq!(
            records.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>(),
            ["amount is missing", "payment_id is missing"]
        );
        assert_eq!(records[0].installment.as_ref().map(|id| id.as_str()), Some("13"));
        assert_eq!(records[1].installment, None);
    }

    #[test]
    fn a_body_becomes_rows_sums_and_statuses() {
        let map = HookMap {
            when: Vec::new(),
            items: None,
            fields: vec![
                pointer(HookField::Column(Column::InstallmentId), "/body/loanId"),
                pointer(HookField::Column(Column::PaidAmount), "/body/paid"),
                pointer(HookField::Column(Column::DueDate), "/body/due"),
                pointer(HookField::Column(Column::BorrowerId), "/body/client"),
                pointer(HookField::Column(Column::Amount), "/body/amount"),
                constant(HookField::Column(Column::Currency), "CNY"),
            ],
        };
        let sum = map.read(r#"{"body": {"loanId": 5, "paid": 100, "due": null}}"#, &merchant(), &source());
        assert_eq!((sum.amendments.len(), sum.rows.len(), sum.rejected.len()), (1, 0, 0));
        let body = r#"{"body": {"loanId": 5, "client": "b", "amount": "300.00", "due": [2026, 12, 1]}}"#;
        let row = map.read(body, &merchant(), &source());
        assert_eq!(row.rows[0].due_date.to_string(), "2026-12-01");
        let bad = map.read(r#"{"body": {"loanId": 5, "paid": "much"}}"#, &merchant(), &source());
        let record = bad.rejected[0].record.as_deref().expect("it is kept");
        assert_eq!(
            (record.source.as_ref(), record.installment.as_ref().map(|id| id.as_str())),
            (Some(&source()), Some("5"))
        );
    }

    #[rstest]
    #[case(r#"{"eventType": "INVOICE_PAYMENT_SUCCESS"}"#, false)]
    #[case(r#"{"eventType": "TENANT_CONFIG_CHANGE"}"#, true)]
    #[case(r#"{"eventType": null}"#, true)]
    #[case("[]", true)]
    #[case("no JSON", true)]
    fn conditions_pass_bodies_over(#[case] body: &str, #[case] is_passed_over: bool) {
        let condition = HookCondition {
            pointer: "/eventType".to_owned(),
            is_one_of: vec!["INVOICE_".to_owned(), "PAYMENT_".to_owned()],
            is_prefix: true,
        };
        let map = HookMap { when: vec![condition], ..HookMap::default() };
        assert_eq!(map.read(body, &merchant(), &source()).is_passed_over, is_passed_over);
    }
}
