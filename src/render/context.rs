//! The names that templates can use. Every name is in `FIELDS` of its object; the check at load accepts no other.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use unicode_segmentation::UnicodeSegmentation;

use super::format::NumberForm;
use super::{Phase, RenderRequest, grace_until};
use crate::domain::{Installment, Locale, Money};

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
        /// The outstanding sum of all of them, by currency: `1,280.50元`.
        total,
        /// The sum that was paid so far of all of them; optional: nothing yet.
        paid,
        /// The sum of all of them before any payment.
        amount,
        /// `11月25日`, `Nov 25, 2026`, in Britain `25 Nov 2026`.
        due_date,
        /// `2026年11月25日`, `November 25, 2026`.
        due_date_full,
        /// The last due date where they differ; optional: all fall due on one day. Then the other two are the first.
        last_due_date,
        /// The last day of the days of grace, in the short form; optional: today is not within them.
        grace_until,
        /// Days until the due date, or since; 0 on the day itself.
        days,
        /// `before-due`, `on-due`, `in-grace` or `overdue`.
        phase,
        /// The link; optional.
        link,
        /// Where to unsubscribe; optional: an SMS has none.
        unsubscribe,
        /// How much an SMS leaves out to be short, 0 to 5; see [`Brevity`].
        brevity,
        /// By which the recipient can have the message verified at `/verify`; optional.
        check_code,
        /// The language tag that the reader reads: the template's, or a variant of it.
        locale,
        /// Whether debt and amount are kept off the lock screen.
        discreet,
        /// A [`RequiredFields`].
        required,
        /// By key, the words that differ between the variants of the language.
        words,
    }
);

context_object!(
    /// In whose name.
    MerchantFields { name, signature, app_name, support }
);

context_object!(
    /// Customer service. Each is optional; phone or e-mail is there.
    SupportFields {
        phone,
        /// The number that a phone dials.
        dial,
        email,
        /// As the reader's language writes them.
        hours,
    }
);

context_object!(
    /// The texts that the law demands. Each is optional: it is demanded by no clause of the merchant's jurisdiction.
    RequiredFields { opt_out, debt_advice }
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
        /// The amount of the instalment before any payment.
        amount,
        /// The amount paid so far; optional: nothing yet.
        paid,
        /// The amount left to pay.
        outstanding,
        /// Its own, in the root's short form.
        due_date,
    }
);

/// How much an SMS leaves out to be short. Each step leaves out one thing more: 1 the hours of customer service, 2 the
/// borrower's name, 3 the list of amounts, 4 how to log in and what else a template says beside the point, 5 what to do
/// if it is paid already. Never: the amount, the date, the link, a way to repay. Hours and name are missing for every
/// template; the rest is up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Brevity(u8);

impl Brevity {
    const WITHOUT_HOURS: Self = Self(1);
    const WITHOUT_NAME: Self = Self(2);

    /// The last step.
    pub(super) const SHORTEST: Self = Self(5);

    /// Every step after the whole text.
    pub(super) fn steps() -> impl Iterator<Item = Self> {
        (1..=Self::SHORTEST.0).map(Self)
    }
}

/// The most letters of a borrower's name.
const MAX_NAME_GRAPHEMES: usize = 60;

/// The most letters, as a reader counts them, of a data field that has no bound of its own: whatever a file holds, a
/// message stays a message.
const MAX_FIELD_GRAPHEMES: usize = 80;

/// The context of one message, in the form of the template's own language. `None` if the total cannot be summed.
pub(super) fn context(request: &RenderRequest<'_>, phase: Phase, locale: &Locale, brevity: Brevity) -> Option<Value> {
    let form = NumberForm::of(locale);
    let due_date = request.installments.first()?.due_date;
    let last = request.installments.last().map(|last| last.due_date).filter(|last| *last != due_date);
    let grace_until = grace_until(request.today, request.installments);
    let outstanding: Vec<Money> = request.installments.iter().map(Installment::outstanding).collect();
    let is_partly_paid = request.installments.iter().any(|one| !one.paid_amount.amount().is_zero());
    let paid = request.installments.iter().map(|one| &one.paid_amount).filter(|paid| !paid.amount().is_zero());
    let total = form.total(outstanding.iter())?;
    let (paid, amount) = match is_partly_paid {
        true => (Some(form.total(paid)?), form.total(request.installments.iter().map(|one| &one.amount))?),
        false => (None, total.clone()),
    };
    let name = request.borrower.name.as_ref().filter(|_| brevity < Brevity::WITHOUT_NAME);
    let installments: Vec<Value> = request
        .installments
        .iter()
        .zip(&outstanding)
        .map(|(installment, outstanding)| {
            installment_value(form, installment, outstanding, &form.date(installment.due_date, request.today))
        })
        .collect();
    Some(Value::from_object(Root {
        merchant: merchant_value(request, form, brevity),
        borrower: Value::from_object(BorrowerFields {
            name: clipped(name.map(|name| name.as_str()), MAX_NAME_GRAPHEMES),
            account_phone_tail: optional(request.borrower.account_phone.as_ref().map(|phone| phone.tail())),
        }),
        count: Value::from(installments.len()),
        installments: Value::from(installments),
        total: Value::from(total),
        paid: optional(paid.as_deref()),
        amount: Value::from(amount),
        due_date_full: Value::from(form.date_full(due_date)),
        due_date: Value::from(form.date(due_date, request.today)),
        last_due_date: optional(last.map(|last| form.date(last, request.today)).as_deref()),
        grace_until: optional(grace_until.map(|end| form.date(end, request.today)).as_deref()),
        days: Value::from((due_date - request.today).num_days().unsigned_abs()),
        phase: Value::from(phase.as_str()),
        link: optional(request.link),
        unsubscribe: optional(request.unsubscribe),
        brevity: Value::from(brevity.0),
        check_code: optional(request.check_code),
        locale: Value::from(locale.as_str()),
        discreet: Value::from(request.discreet),
        required: Value::from_object(RequiredFields {
            opt_out: optional(form.words().get("opt_out").filter(|_| request.required.opt_out).map(String::as_str)),
            debt_advice: optional(
                form.words().get("debt_advice").filter(|_| request.required.debt_advice).map(String::as_str),
            ),
        }),
        words: Value::from_object(Words(form)),
    }))
}

/// The words of a locale file.
#[derive(Debug)]
struct Words(NumberForm);

impl Object for Words {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.words().get(key.as_str()?).map(|word| Value::from(word.as_str()))
    }
}

fn merchant_value(request: &RenderRequest<'_>, form: NumberForm, brevity: Brevity) -> Value {
    let merchant = request.merchant;
    let zone = request.borrower.time_zone.unwrap_or(merchant.time_zone);
    let hours = merchant.support.hours.as_ref().filter(|_| brevity < Brevity::WITHOUT_HOURS);
    let hours = hours.map(|hours| form.hours(hours, zone, request.today));
    Value::from_object(MerchantFields {
        name: text(&merchant.name),
        signature: text(&merchant.signature),
        app_name: text(&merchant.app_name),
        support: Value::from_object(SupportFields {
            phone: optional(merchant.support.phone.as_deref()),
            dial: optional(merchant.support.dial().as_deref()),
            email: optional(merchant.support.email.as_ref().map(|email| email.as_str())),
            hours: optional(hours.as_deref()),
        }),
    })
}

fn installment_value(form: NumberForm, installment: &Installment, outstanding: &Money, due_date: &str) -> Value {
    let paid = &installment.paid_amount;
    let amount = Value::from(form.money(&installment.amount));
    // Formatting a sum costs as much as a fiftieth of a whole message.
    let is_untouched = *outstanding == installment.amount;
    let number = |number: Option<u32>| number.map_or_else(|| Value::from(()), Value::from);
    Value::from_object(InstallmentFields {
        order_ref: clipped(installment.readable_order().as_deref(), MAX_FIELD_GRAPHEMES),
        product: clipped(installment.readable_product().as_deref(), MAX_FIELD_GRAPHEMES),
        sequence: number(installment.sequence),
        of: number(installment.of),
        paid: if paid.amount().is_zero() { Value::from(()) } else { Value::from(form.money(paid)) },
        outstanding: if is_untouched { amount.clone() } else { Value::from(form.money(outstanding)) },
        amount,
        due_date: Value::from(due_date),
    })
}

/// A missing or blank value becomes `none`: false in `{% if %}`, and an error if printed.
fn optional(data: Option<&str>) -> Value {
    data.map(str::trim).filter(|data| !data.is_empty()).map_or_else(|| Value::from(()), text)
}

fn clipped(data: Option<&str>, most: usize) -> Value {
    // A text has no more letters than bytes, so most need no count.
    if data.is_none_or(|data| data.len() <= most) {
        return optional(data);
    }
    match data.and_then(|data| data.grapheme_indices(true).nth(most)) {
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
