//! The schemas of the items of a batch, made from the columns of an import.

use std::borrow::Cow;

use utoipa::openapi::schema::{AnyOfBuilder, Array, ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::batch::MAX_BATCH_ITEMS;
use crate::source::{Column, ObjectKind};

/// An instalment of a batch.
#[derive(Debug)]
pub(super) struct InstallmentItem;

/// A borrower of a batch.
#[derive(Debug)]
pub(super) struct BorrowerItem;

/// The content of a column, for people.
fn about(column: Column) -> &'static str {
    match column {
        Column::Merchant => "The merchant of the request; leave it out",
        Column::BorrowerId => "The lender's number for the borrower",
        Column::Name => "The borrower's name",
        Column::Phone => "Where SMS go; a number without a country code is one of the merchant's country",
        Column::Email => "Where e-mail goes",
        Column::Locale => "The language of messages, for example `zh-CN` or `en`",
        Column::TimeZone => "The time zone of the borrower's local hours, for example `Asia/Shanghai`",
        Column::AccountPhone => "The number that is bound to the mall account",
        Column::Verifier => "The answer to the page's question; it is kept as a hash",
        Column::InstallmentId => "The lender's number for the instalment",
        Column::OrderRef => "The order",
        Column::Product => "The product",
        Column::Sequence => "The position of the instalment in its plan, from 1",
        Column::Of => "The number of instalments in the plan",
        Column::Currency => "The currency of both amounts, for example `CNY`",
        Column::Amount => "The full amount to pay, as a text such as `128.50`",
        Column::PaidAmount => "The amount paid so far, as a text: the sum of all payments, so that it counts once",
        Column::AmountUnit => "`major` (`128.50`) or `minor` (`12850`); by default as the merchant's config says",
        Column::DueDate => "The due date, as YYYY-MM-DD",
        Column::Status => "`open`, `paid`, `cancelled`, `written_off` or `disputed`",
        Column::Route => "The key of a way to repay, if it is not the merchant's first",
        Column::Tags => "Tags, separated by semicolons",
        Column::GraceDays => "The days after the due date in which it is not overdue yet, 0 to 31",
        Column::Hold => "Why nothing may be sent to the borrower",
        Column::HoldUntil => "The end of that hold, as YYYY-MM-DD or an instant",
        Column::PreferredChannel => "The channel that goes first: `sms` or `email`",
        Column::PreferredHours => "When the borrower likes to be contacted, for example `18:00-21:00`",
    }
}

fn object(kind: ObjectKind, description: &str) -> RefOr<Schema> {
    let columns = Column::ALL.iter().copied().filter(|column| kind.may_have(*column));
    let object = columns.fold(ObjectBuilder::new().description(Some(description)), |object, column| {
        let form = match column {
            Column::Sequence | Column::Of | Column::GraceDays => Type::Integer,
            _ => Type::String,
        };
        let forms = match column == kind.id_column() {
            true => SchemaType::new(form),
            false => SchemaType::from_iter([form, Type::Null]),
        };
        object.property(column.name(), ObjectBuilder::new().schema_type(forms).description(Some(about(column))))
    });
    object.required(kind.id_column().name()).into()
}

/// One that is described, or anything else: what is no item is a rejected one, and not a bad request.
fn items(name: &str) -> Array {
    let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    let item = AnyOfBuilder::new().item(Ref::from_schema_name(name)).item(any);
    ArrayBuilder::new().items(item).min_items(Some(1)).max_items(Some(MAX_BATCH_ITEMS)).build()
}

pub(super) fn installment_items() -> Array {
    items(&InstallmentItem::name())
}

pub(super) fn borrower_items() -> Array {
    items(&BorrowerItem::name())
}

impl PartialSchema for InstallmentItem {
    fn schema() -> RefOr<Schema> {
        object(
            ObjectKind::Installment,
            "An instalment with what is said about its borrower. A field that is left out keeps its value; `null` or \
             an empty text clears it. With `installment_id` and no more than `status`, `paid_amount`, `currency` \
             and `amount_unit` it is a payment or another status: of an instalment that is known, or kept until it is. \
             Otherwise `borrower_id`, `amount`, `currency` and `due_date` are needed as well.",
        )
    }
}

impl ToSchema for InstallmentItem {
    fn name() -> Cow<'static, str> {
        "InstallmentItem".into()
    }
}

impl PartialSchema for BorrowerItem {
    fn schema() -> RefOr<Schema> {
        object(
            ObjectKind::Borrower,
            "A borrower. A field that is left out keeps its value; `null` or an empty text clears it.",
        )
    }
}

impl ToSchema for BorrowerItem {
    fn name() -> Cow<'static, str> {
        "BorrowerItem".into()
    }
}
