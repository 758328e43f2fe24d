//! Amounts in minor units, and days of grace.

use std::collections::BTreeMap;

use dueherald::domain::{AmountUnit, FieldUpdate, Merchant, MerchantId, RecordKind};
use dueherald::source::{ObjectChecker, ObjectKind, Recheck, Rows, SoundObject};
use rstest::rstest;

use super::merchants;

/// The merchants, with the mall's ledger in minor units.
fn in_minor_units() -> BTreeMap<MerchantId, Merchant> {
    let mut merchants = merchants();
    merchants.get_mut("mall").expect("the mall").amount_unit = AmountUnit::Minor;
    merchants
}

const HEADER: &str = "merchant,borrower_id,installment_id,currency,amount,paid_amount,due_date,amount_unit";

/// Amount and paid amount of a row with these cells; or why it is refused.
fn amounts(cells: &str) -> String {
    let csv = format!("{HEADER}\n{cells}\n");
    let record = Rows::open(csv.as_bytes(), None, &in_minor_units()).expect("a CSV").next().expect("a record");
    match record.expect("readable").read {
        Ok(row) => match row.paid_amount {
            FieldUpdate::Set(Some(paid)) => format!("{} {}", row.amount.amount(), paid.amount()),
            _ => row.amount.amount().to_string(),
        },
        Err(rejected) => rejected.reason(),
    }
}

#[rstest]
#[case::cents("mall,b1,i1,CNY,12345,5,2026-03-31,", "123.45 0.05")]
#[case::yen("mall,b1,i1,JPY,12345,0,2026-03-31,", "12345 0")]
#[case::fils("mall,b1,i1,KWD,12345,1,2026-03-31,", "12.345 0.001")]
#[case::the_record_says_otherwise("mall,b1,i1,CNY,123.45,5,2026-03-31,major", "123.45 5.00")]
#[case::another_merchant("shop,b1,i1,USD,12345,5,2026-03-31,", "12345.00 5.00")]
#[case::the_record_of_another_merchant("shop,b1,i1,USD,12345,5,2026-03-31,Minor", "123.45 0.05")]
#[case::a_fraction(
    "mall,b1,i1,CNY,123.45,0.00,2026-03-31,",
    "amount is in minor units and so a whole number such as 12850; a fraction suggests another amount_unit; \
     paid_amount is in minor units and so a whole number such as 12850; a fraction suggests another amount_unit"
)]
#[case::a_fraction_of_yen(
    "mall,b1,i1,JPY,123.0,0,2026-03-31,",
    "amount is in minor units and so a whole number such as 12850; a fraction suggests another amount_unit"
)]
#[case::no_unit("mall,b1,i1,CNY,12345,5,2026-03-31,cents", "amount_unit is not one of major, minor")]
fn an_amount_is_read_in_its_unit(#[case] cells: &str, #[case] expected: &str) {
    assert_eq!(amounts(cells), expected);
}

#[test]
fn a_payment_by_the_api_is_in_the_units_of_its_merchant() {
    let merchants = in_minor_units();
    let mut checker = ObjectChecker::new(&merchants["mall"], ObjectKind::Installment);
    let mut paid = |fields: &str| {
        let checked = checker.check(1, &format!(r#"{{"installment_id": "i1", "currency": "CNY", {fields}}}"#));
        match checked.read {
            Ok(SoundObject::Amendment(amendment)) => match amendment.paid_amount {
                FieldUpdate::Set(Some(paid)) => paid.amount().to_string(),
                other => format!("{other:?}"),
            },
            Ok(other) => format!("{other:?}"),
            Err(rejected) => rejected.reason(),
        }
    };
    assert_eq!(paid(r#""paid_amount": "2050""#), "20.50");
    assert_eq!(paid(r#""paid_amount": "20.50", "amount_unit": "major""#), "20.50");
    assert!(paid(r#""paid_amount": "20.5""#).starts_with("paid_amount is in minor units"));
}

/// A rejected row is tried again in the unit that it was read in: the one it names, or that of its source. So is what
/// remains of it as a payment.
#[rstest]
#[case::that_it_names(&in_minor_units(), "major")]
#[case::of_its_source(&merchants(), "")]
fn a_rejected_row_keeps_its_unit(#[case] as_read: &BTreeMap<MerchantId, Merchant>, #[case] named: &str) {
    let csv = format!("{HEADER}\nmall,b1,i1,CNY,1280.50,20.50,2026-02-30,{named}\n");
    let record = Rows::open(csv.as_bytes(), None, as_read).expect("a CSV").next().expect("a record");
    let rejected = record.expect("readable").read.expect_err("there is no such day").record.expect("it is kept");
    let sound = "merchant,borrower_id,installment_id,currency,amount,due_date\nmall,b1,i1,CNY,128050,2026-02-28\n";
    let row = Rows::open(sound.as_bytes(), None, &in_minor_units()).expect("a CSV").next().expect("a record");
    let left = rejected.left_by(&row.expect("readable").read.expect("sound")).expect("the paid amount");
    assert_eq!(left.kind, RecordKind::Amendment);
    let again = format!("{:?}", Recheck::new(&in_minor_units()).check(&left).is_some());
    assert_eq!((again.as_str(), left.cells.0.get("amount_unit").map(String::as_str)), ("true", Some("major")));
}

/// A row without its grace would be overdue too early.
#[test]
fn days_of_grace_that_cannot_be_read_refuse_the_row() {
    let csv = "merchant,borrower_id,installment_id,currency,amount,due_date,grace_days\n";
    for (cell, expected) in [
        ("0", Ok(FieldUpdate::Set(Some(0)))),
        ("31", Ok(FieldUpdate::Set(Some(31)))),
        ("", Ok(FieldUpdate::Set(None))),
        ("32", Err("grace_days is not a whole number of days from 0 to 31")),
        ("+3", Err("grace_days is not a whole number of days from 0 to 31")),
        ("2.5", Err("grace_days is not a whole number of days from 0 to 31")),
    ] {
        let csv = format!("{csv}mall,b1,i1,CNY,12345,2026-03-31,{cell}\n");
        let record = Rows::open(csv.as_bytes(), None, &in_minor_units()).expect("a CSV").next().expect("a record");
        let read = record.expect("readable").read.map(|row| row.grace_days).map_err(|rejected| rejected.reason());
        assert_eq!(read, expected.map_err(str::to_owned), "{cell}");
    }
}
