//! Updates of known instalments by sources, and how far each source has been read.

use dueherald::clock::SimClock;
use dueherald::domain::{Amendment, AmendmentResult, Currency, FieldUpdate, InstallmentStatus, Money, SourceState};
use dueherald::store::{InstallmentFilter, Store, WriteMode};

use super::sample::{import, instant, merchant, row_with_phone};

fn amendment(id: &str) -> Amendment {
    Amendment {
        merchant: merchant("mall"),
        installment: id.parse().expect("an id"),
        paid_amount: FieldUpdate::Keep,
        status: FieldUpdate::Keep,
    }
}

fn paid(amount: &str, currency: &str) -> FieldUpdate<Money> {
    let currency = Currency::new(currency).expect("a currency");
    FieldUpdate::Set(Some(Money::parse(amount, currency).expect("an amount")))
}

pub(super) async fn a_known_installment_is_amended_and_nothing_else_of_it(store: &dyn Store, _: &SimClock) {
    import(store, &[row_with_phone("b00", "i1"), row_with_phone("b00", "i2")]).await;
    let filter = InstallmentFilter { limit: 10, ..InstallmentFilter::default() };
    let before = store.installments(&filter).await.expect("listed");
    let amendments = [
        Amendment { paid_amount: paid("20.00", before[0].amount.currency().code()), ..amendment("i1") },
        Amendment { status: FieldUpdate::Set(Some(InstallmentStatus::Paid)), ..amendment("i2") },
        Amendment { status: FieldUpdate::Set(Some(InstallmentStatus::Paid)), ..amendment("i2") },
        Amendment { paid_amount: paid("1.00", "KWD"), ..amendment("i1") },
        Amendment { status: FieldUpdate::Set(None), ..amendment("nobody's") },
    ];
    let expected = [
        AmendmentResult::Changed,
        AmendmentResult::Changed,
        AmendmentResult::Same,
        AmendmentResult::OtherCurrency,
        AmendmentResult::Unknown,
    ];
    assert_eq!(store.amend(&amendments, None, WriteMode::DryRun).await.expect("amended"), expected);
    assert_eq!(store.installments(&filter).await.expect("listed"), before, "it was a trial");

    assert_eq!(store.amend(&amendments, None, WriteMode::Commit).await.expect("amended"), expected);
    let mut after = before.clone();
    after[0].paid_amount = Money::parse("20.00", before[0].amount.currency()).expect("an amount");
    after[1].status = InstallmentStatus::Paid;
    assert_eq!(store.installments(&filter).await.expect("listed"), after);
    let again = store.amend(&amendments[..2], None, WriteMode::Commit).await.expect("amended");
    assert_eq!(again, [AmendmentResult::Same, AmendmentResult::Same]);
}

pub(super) async fn a_source_is_read_forward_only(store: &dyn Store, _: &SimClock) {
    assert_eq!(store.sources().await.expect("listed"), []);
    let state = |name: &str, read_to: Option<&str>, pulled_at: Option<&str>| SourceState {
        read_to: read_to.map(instant),
        pulled_at: pulled_at.map(instant),
        data_at: read_to.map(instant),
        full_read_at: pulled_at.map(instant),
        ..SourceState::new(name.parse().expect("a name"))
    };
    let (early, late) = (Some("2026-11-22T01:00:00.000001Z"), Some("2026-11-22T01:00:00.5Z"));
    for noted in [
        state("payments", None, early),
        state("core", late, None),
        state("core", early, None),
        state("core", None, late),
        state("core", early, early),
    ] {
        store.note_source(&noted).await.expect("noted");
    }
    let known = store.sources().await.expect("listed");
    assert_eq!(known, [state("core", late, late), state("payments", None, early)]);
}

pub(super) async fn the_merchants_that_a_source_has_named_stay(store: &dyn Store, _: &SimClock) {
    let state = |name: &str, merchants: &[&str]| SourceState {
        merchants: merchants.iter().map(|name| merchant(name)).collect(),
        ..SourceState::new(name.parse().expect("a name"))
    };
    for noted in [
        state("core", &["mall"]),
        state("payments", &[]),
        state("core", &["harbour", "mall"]),
        state("core", &[]),
        state("archive", &["arcade"]),
    ] {
        store.note_source(&noted).await.expect("noted");
    }
    let pulled = SourceState { pulled_at: Some(instant("2026-11-22T01:00:00Z")), ..state("core", &[]) };
    store.note_source(&pulled).await.expect("noted");
    let core = SourceState { pulled_at: pulled.pulled_at, ..state("core", &["harbour", "mall"]) };
    let known = store.sources().await.expect("listed");
    assert_eq!(known, [state("archive", &["arcade"]), core, state("payments", &[])]);
}

pub(super) async fn each_branch_is_read_forward_only(store: &dyn Store, _: &SimClock) {
    let (early, late) = (instant("2026-11-22T01:00:00.000001Z"), instant("2026-11-22T01:00:00.5Z"));
    let state = |branches: &[(&str, _)]| SourceState {
        branches: branches.iter().map(|(branch, at)| (branch.parse().expect("a name"), *at)).collect(),
        ..SourceState::new("core".parse().expect("a name"))
    };
    for noted in [
        state(&[("loans", late)]),
        state(&[("loans", early), ("rows", early)]),
        state(&[("rows", late)]),
        state(&[("rows", early)]),
        state(&[("clients", early)]),
    ] {
        store.note_source(&noted).await.expect("noted");
    }
    let known = store.sources().await.expect("listed");
    assert_eq!(known, [state(&[("clients", early), ("loans", late), ("rows", late)])]);
    assert_eq!((known[0].read_to, known[0].latest_row()), (None, Some(late)));
}
