//! Sample data to check and preview templates.

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;

use super::locale_file::SampleTexts;
use super::{LocaleFile, Phase, RenderRequest};
use crate::domain::{
    AmountUnit, Borrower, BorrowerId, BorrowerKey, Channel, Currency, EmailAddress, Installment, InstallmentId, Locale,
    Merchant, MerchantId, Money, PersonName, Phone, RequiredTexts, Support,
};

/// Everything a message is made from, made up: to check templates, to preview them, to show how long they get.
#[derive(Debug, Clone)]
pub struct Sample {
    /// In whose name.
    pub merchant: Merchant,
    /// Nobody.
    pub borrower: Borrower,
    /// The open instalments: all due on one day, until [`Sample::spread`].
    pub installments: Vec<Installment>,
    /// The day on which the message goes out.
    pub today: NaiveDate,
    /// The link; of the length of a real one, and opens nothing.
    pub link: Option<String>,
    /// The link to unsubscribe, for e-mail; like `link`.
    pub unsubscribe: Option<String>,
    /// The check code; like `link`.
    pub check_code: Option<String>,
    /// The texts that the law demands; none, unless it is set.
    pub required: RequiredTexts,
}

/// Why a text of this file is one of its kind.
const FIXED: &str = "a fixed text, which the tests try";

impl Sample {
    /// A reminder of `count` instalments, at least one, with everything that can be known: three days before the due
    /// date, on it, or five days after.
    #[must_use]
    pub fn new(merchant: &Merchant, locale: &Locale, phase: Phase, count: u32) -> Self {
        let due_date = NaiveDate::from_ymd_opt(2026, 11, 25).expect(FIXED);
        let today = match phase {
            Phase::Before => due_date - Days::new(3),
            Phase::On => due_date,
            Phase::Grace => due_date + Days::new(2),
            Phase::After => due_date + Days::new(5),
        };
        let grace_days = (phase == Phase::Grace).then_some(4);
        let installment = |number| Installment { grace_days, ..installment(merchant, locale, number, due_date) };
        let installments = (1..=count.max(1)).map(installment).collect();
        let link = Some(merchant.landing_link("AWk3xSampleToken"));
        let unsubscribe = Some(format!("{}/u/AWk3x_sample_sample_sample_sample_", merchant.link_base));
        let (merchant, borrower) = (merchant.clone(), borrower(merchant, locale));
        let check_code = Some("SAMPLEC9DE".to_owned());
        let required = RequiredTexts::default();
        Self { merchant, borrower, installments, today, link, unsubscribe, check_code, required }
    }

    /// Every phase with one and with three instalments, with all that can be known, with nothing of it, and with each
    /// single thing missing.
    pub(super) fn variations(merchant: &Merchant, locale: &Locale) -> Vec<Self> {
        let without: [fn(&mut Self); 16] = [
            |_| {},
            |sample| sample.merchant.discreet = true,
            |sample| sample.required = RequiredTexts { opt_out: true, debt_advice: true },
            Self::spread,
            Self::strip,
            |sample| sample.borrower.name = None,
            |sample| sample.borrower.account_phone = None,
            |sample| sample.link = None,
            |sample| sample.unsubscribe = None,
            |sample| sample.check_code = None,
            |sample| sample.merchant.support.phone = None,
            |sample| sample.merchant.support.email = None,
            |sample| sample.merchant.support.hours = None,
            |sample| sample.installments.iter_mut().for_each(|installment| installment.order_ref = None),
            |sample| sample.installments.iter_mut().for_each(|installment| installment.product = None),
            |sample| sample.installments.iter_mut().for_each(|installment| installment.of = None),
        ];
        let mut all = Vec::with_capacity(Phase::ALL.len() * 2 * without.len());
        for phase in Phase::ALL {
            for count in [1, 3] {
                for leave_out in without {
                    let mut sample = Self::new(merchant, locale, phase, count);
                    leave_out(&mut sample);
                    all.push(sample);
                }
            }
        }
        all
    }

    /// Several due dates in one message, two days apart.
    pub fn spread(&mut self) {
        for (number, installment) in (0..).zip(&mut self.installments) {
            installment.due_date = installment.due_date + Days::new(2 * number);
        }
    }

    /// Doubles every amount, of what is owed and of what is paid.
    pub(super) fn double_amounts(&mut self) {
        let doubled = |money: &Money| Money::new(money.amount() + money.amount(), money.currency()).expect(FIXED);
        for installment in &mut self.installments {
            installment.amount = doubled(&installment.amount);
            installment.paid_amount = doubled(&installment.paid_amount);
        }
    }

    /// Takes away all that need not be known; one way to reach customer service always is.
    fn strip(&mut self) {
        self.borrower.name = None;
        self.borrower.account_phone = None;
        self.link = None;
        self.unsubscribe = None;
        self.check_code = None;
        self.merchant.support.email = None;
        self.merchant.support.hours = None;
        for installment in &mut self.installments {
            (installment.order_ref, installment.product) = (None, None);
            (installment.sequence, installment.of) = (None, None);
        }
    }

    /// The request that renders it.
    #[must_use]
    pub fn request<'a>(&'a self, channel: Channel, locale: &'a Locale) -> RenderRequest<'a> {
        RenderRequest {
            merchant: &self.merchant,
            borrower: &self.borrower,
            installments: &self.installments,
            template: None,
            no_other_template: false,
            discreet: self.merchant.discreet,
            required: self.required,
            channel,
            locale,
            today: self.today,
            link: self.link.as_deref(),
            unsubscribe: self.unsubscribe.as_deref().filter(|_| channel == Channel::Email),
            check_code: self.check_code.as_deref(),
        }
    }
}

/// A merchant that does not exist, for previews where the config has none.
#[must_use]
pub fn sample_merchant(locale: &Locale) -> Merchant {
    let SampleTexts { merchant: name, app, phone, time_zone, .. } = &LocaleFile::of(locale).sample;
    Merchant {
        id: MerchantId::new("example").expect(FIXED),
        name: name.clone(),
        signature: name.clone(),
        app_name: app.clone(),
        locale: locale.clone(),
        time_zone: *time_zone,
        country: "CN".into(),
        countries: Vec::new(),
        jurisdiction: "cn".parse().expect(FIXED),
        discreet: false,
        amount_unit: AmountUnit::Major,
        stopped: false,
        link_base: "https://pay.example.com".into(),
        bare_links: false,
        support: Support {
            phone: Some(phone.clone()),
            email: Some(EmailAddress::new("help@example.com").expect(FIXED)),
            hours: Some(format!("daily 09:00-21:00 {time_zone}").parse().expect(FIXED)),
        },
    }
}

fn borrower(merchant: &Merchant, locale: &Locale) -> Borrower {
    let name = &LocaleFile::of(locale).sample.borrower;
    let key = BorrowerKey { merchant: merchant.id.clone(), id: BorrowerId::new("SAMPLE-1").expect(FIXED) };
    Borrower {
        name: Some(PersonName::new(name).expect(FIXED)),
        phone: Some(Phone::new("+8613800138000").expect(FIXED)),
        email: Some(EmailAddress::new("jane.sample@example.com").expect(FIXED)),
        locale: Some(locale.clone()),
        account_phone: Some(Phone::new("+8613800138000").expect(FIXED)),
        ..Borrower::unknown(key)
    }
}

/// The first is paid in part; products and amounts repeat after the third.
fn installment(merchant: &Merchant, locale: &Locale, number: u32, due_date: NaiveDate) -> Installment {
    let sample = &LocaleFile::of(locale).sample;
    let currency = Currency::new(&sample.currency).expect(FIXED);
    let money = |cents: i64| Money::new(Decimal::new(cents, 2), currency).expect(FIXED);
    let [first, second, third] = &sample.products;
    let (product, amount, paid) = match number % 3 {
        1 => (first, 128_050, 28_050),
        2 => (second, 24_999, 0),
        _ => (third, 9_900, 0),
    };
    let borrower = BorrowerKey { merchant: merchant.id.clone(), id: BorrowerId::new("SAMPLE-1").expect(FIXED) };
    let id = InstallmentId::new(format!("SAMPLE-{number}")).expect(FIXED);
    Installment {
        order_ref: Some(format!("A10{number:02}")),
        product: Some(product.clone()),
        sequence: Some(number + 2),
        of: Some(12),
        paid_amount: money(paid),
        ..Installment::new(borrower, id, money(amount), due_date)
    }
}
