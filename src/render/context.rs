//! What templates can name. Every name stands in `FIELDS` of its object; the check at load knows no other.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use unicode_segmentation::UnicodeSegmentation;

use super::format::NumberForm;
use super::{Phase, RenderRequest};
use crate::domain::{Installment, Locale, Merchant, Money};

/// Declares an object of the template context: its fields, in the order of the definition, and how they are found.
macro_rules! context_object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name { $($(#[$field_doc])* $field: Value),+ }

        impl $name {
            /// The names of its fields.
            pub(super) const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];
        }

        impl Object for $name {
            fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
                self.get_value_by_str(key.as_str()?)
            }

            fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
                match key {
                    $(stringify!($field) => Some(self.$field.clone()),)+
                    _ => None,
                }
            }

            fn enumerate(self: &Arc<Self>) -> Enumerator {
                Enumerator::Str(Self::FIELDS)
            }
        }
    };
}

context_object!(
    /// The outermost names.
    Root {
        /// A [`MerchantFields`].
        merchant,
        /// A [`BorrowerFields`].
        borrower,
        /// A list of [`InstallmentFields`], one at least.
        installments,
        /// How many instalments.
        count,
        /// What is left to pay of all of them, by currency: `1,280.50元`.
        total,
        /// `11月25日`, `25 Nov 2026`.
        due_date,
        /// `2026年11月25日`, `25 November 2026`.
        due_date_full,
        /// The last due date where they differ; optional: all fall due on one day. Then the other two are the first.
        last_due_date,
        /// Days until the due date, or since; 0 on the day itself.
        days,
        /// `before-due`, `on-due` or `overdue`.
        phase,
        /// The link; optional.
        link,
        /// Where to unsubscribe; optional: an SMS has none.
        unsubscribe,
        /// By which the recipient can have the message verified at `/verify`; optional.
        check_code,
        /// The language tag of the template.
        locale,
    }
);

context_object!(
    /// In whose name.
    MerchantFields { name, signature, app_name, support }
);

context_object!(
    /// Customer service. Each is optional; phone or e-mail is there.
    SupportFields { phone, email, hours }
);

context_object!(
    /// To whom. Both are optional. Of the number bound to the account only the last four digits can be shown.
    BorrowerFields { name, account_phone_tail }
);

context_object!(
    /// One instalment.
    InstallmentFields {
        /// Optional.
        order_ref,
        /// Optional.
        product,
        /// From 1; optional.
        sequence,
        /// How many the plan has; optional.
        of,
        /// What was to be paid in all.
        amount,
        /// What was paid of it; optional: nothing yet.
        paid,
        /// What is left to pay.
        outstanding,
        /// Its own, in the root's short form.
        due_date,
    }
);

/// The most letters, as a reader counts them, of a data field that has no bound of its own: whatever a file holds, a
/// message stays a message.
const MAX_FIELD_GRAPHEMES: usize = 80;

/// The context of one message, in the form of the template's own language. `None` if the total cannot be summed.
pub(super) fn context(request: &RenderRequest<'_>, phase: Phase, locale: &Locale) -> Option<Value> {
    let form = NumberForm::of(locale);
    let due_date = request.installments.first()?.due_date;
    let last = request.installments.last().map(|last| last.due_date).filter(|last| *last != due_date);
    let outstanding: Vec<Money> = request.installments.iter().map(Installment::outstanding).collect();
    let installments: Vec<Value> = request
        .installments
        .iter()
        .zip(&outstanding)
        .map(|(installment, outstanding)| {
            installment_value(form, installment, outstanding, &form.date(installment.due_date, request.today))
        })
        .collect();
    Some(Value::from_object(Root {
        merchant: merchant_value(request.merchant),
        borrower: Value::from_object(BorrowerFields {
            name: optional(request.borrower.name.as_ref().map(|name| name.as_str())),
            account_phone_tail: optional(request.borrower.account_phone.as_ref().map(|phone| phone.tail())),
        }),
        count: Value::from(installments.len()),
        installments: Value::from(installments),
        total: Value::from(form.total(outstanding.iter())?),
        due_date_full: Value::from(form.date_full(due_date)),
        due_date: Value::from(form.date(due_date, request.today)),
        last_due_date: optional(last.map(|last| form.date(last, request.today)).as_deref()),
        days: Value::from((due_date - request.today).num_days().unsigned_abs()),
        phase: Value::from(phase.as_str()),
        link: optional(request.link),
        unsubscribe: optional(request.unsubscribe),
        check_code: optional(request.check_code),
        locale: Value::from(locale.as_str()),
    }))
}

fn merchant_value(merchant: &Merchant) -> Value {
    Value::from_object(MerchantFields {
        name: text(&merchant.name),
        signature: text(&merchant.signature),
        app_name: text(&merchant.app_name),
        support: Value::from_object(SupportFields {
            phone: optional(merchant.support.phone.as_deref()),
            email: optional(merchant.support.email.as_ref().map(|email| email.as_str())),
            hours: optional(merchant.support.hours.as_deref()),
        }),
    })
}

fn installment_value(form: NumberForm, installment: &Installment, outstanding: &Money, due_date: &str) -> Value {
    let paid = &installment.paid_amount;
    let number = |number: Option<u32>| number.map_or_else(|| Value::from(()), Value::from);
    Value::from_object(InstallmentFields {
        order_ref: clipped(installment.readable_order().as_deref()),
        product: clipped(installment.readable_product().as_deref()),
        sequence: number(installment.sequence),
        of: number(installment.of),
        amount: Value::from(form.money(&installment.amount)),
        paid: if paid.amount().is_zero() { Value::from(()) } else { Value::from(form.money(paid)) },
        outstanding: Value::from(form.money(outstanding)),
        due_date: Value::from(due_date),
    })
}

/// What is missing or blank is `none`: false in `{% if %}`, and an error if printed.
fn optional(data: Option<&str>) -> Value {
    data.map(str::trim).filter(|data| !data.is_empty()).map_or_else(|| Value::from(()), text)
}

fn clipped(data: Option<&str>) -> Value {
    // A text has no more letters than bytes, so most need no count.
    if data.is_none_or(|data| data.len() <= MAX_FIELD_GRAPHEMES) {
        return optional(data);
    }
    match data.and_then(|data| data.grapheme_indices(true).nth(MAX_FIELD_GRAPHEMES)) {
        Some((end, _)) => optional(data.map(|data| format!("{}...", &data[..end])).as_deref()),
        None => optional(data),
    }
}

/// Data as a message may hold it: what breaks or turns a line becomes a space, so that data can neither begin a header
/// nor forge a line, nor show its text backwards.
fn text(data: &str) -> Value {
    if data.contains(breaks_line) { Value::from(data.replace(breaks_line, " ")) } else { Value::from(data) }
}

/// Control characters, Unicode's line and paragraph separators, and its bidirectional overrides.
pub(super) fn breaks_line(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
