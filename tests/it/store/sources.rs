//! Updates of known instalments by sources, and how far each source has been read.

use dueherald::clock::SimClock;
use dueherald::domain::{
    Amendment, AmendmentResult, Channel, Currency, FieldUpdate, InstallmentStatus, LedgerRow, Money, RecordKind,
    SourceName, SourceState,
};
use dueherald::store::{
    InstallmentFilter, OpenFilter, OpenInstallment, RejectFilter, Store, VanishedSettlement, WriteMode,
};

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

pub(super) async fn what_vanished_is_cancelled_or_held_until_it_comes_back(store: &dyn Store, _: &SimClock) {
    let core: SourceName = "core".parse().expect("a name");
    let of = |order: &str, id: &str, from: Option<&SourceName>| LedgerRow {
        order_ref: FieldUpdate::Set(Some(order.to_owned())),
        source: from.cloned(),
        ..row_with_phone("b00", id)
    };
    let rows = [
        of("o1", "i1", Some(&core)),
        of("o1", "i2", Some(&core)),
        of("o2", "i3", Some(&core)),
        of("o1", "i4", None),
        of("o1", "i5", Some(&"other".parse().expect("a name"))),
    ];
    import(store, &rows).await;
    let filter = InstallmentFilter { limit: 10, ..InstallmentFilter::default() };
    let statuses = async || {
        let known = store.installments(&filter).await.expect("listed");
        known.iter().map(|one| (one.id.to_string(), one.status, one.is_vanished)).collect::<Vec<_>>()
    };
    let open = async |which: OpenFilter| {
        let mut open = store.open_of_source(&core, &which).await.expect("listed");
        open.sort_by_key(OpenInstallment::place);
        open.iter().map(|one| one.installment.to_string()).collect::<Vec<_>>()
    };
    let page = |after: Option<&str>, limit| OpenFilter::Page {
        after: after.map(|id| (id.parse().expect("an id"), merchant("mall"))),
        limit,
    };
    assert_eq!(open(page(None, 2)).await, ["i1", "i2"]);
    assert_eq!(open(page(Some("i2"), 2)).await, ["i3"]);
    let order = |merchant_of: &str, order: &str| (merchant(merchant_of), order.to_owned());
    assert_eq!(open(OpenFilter::Orders(vec![order("mall", "o1"), order("harbour", "o2")])).await, ["i1", "i2"]);

    let key = |id: &str| (merchant("mall"), id.parse().expect("an id"));
    let all = ["i1", "i3", "i4", "i5", "i9"].map(key);
    let settle = async |gone: &[_], how| store.settle_vanished(&core, gone, &how).await.expect("settled");
    assert_eq!(settle(&all, VanishedSettlement::Hold).await, 2, "what another source or a file brought stays");
    assert_eq!(store.reject_counts().await.expect("counted").vanished, 2);
    let account = store.account(&rows[0].borrower, rows[0].due_date, Channel::Sms).await.expect("read");
    assert_eq!(account.vanished.iter().map(ToString::to_string).collect::<Vec<_>>(), ["i1", "i3"]);
    import(store, &rows[..1]).await;
    let filter_of_core = RejectFilter { vanished_from: Some(core.clone()), limit: 9, ..RejectFilter::default() };
    let kept = store.rejects(&filter_of_core).await.expect("listed");
    let kept: Vec<_> = kept.iter().map(|kept| (kept.record.kind, kept.record.installment.clone())).collect();
    assert_eq!(kept, [(RecordKind::Vanished, Some("i3".parse().expect("an id")))], "i1 is back");

    assert_eq!(settle(&all, VanishedSettlement::Cancel(None)).await, 2);
    assert_eq!(settle(&all, VanishedSettlement::Cancel(None)).await, 0, "once");
    assert_eq!(store.reject_counts().await.expect("counted").vanished, 0);
    let (open, gone) = (InstallmentStatus::Open, InstallmentStatus::Cancelled);
    let expected =
        [("i1", gone, true), ("i2", open, false), ("i3", gone, true), ("i4", open, false), ("i5", open, false)];
    assert_eq!(statuses().await, expected.map(|(id, status, is_gone)| (id.to_owned(), status, is_gone)));

    let pays = |status| Amendment { status: FieldUpdate::Set(Some(status)), ..amendment("i1") };
    let says = async |status| store.amend(&[pays(status)], None, WriteMode::Commit).await.expect("amended")[0];
    assert_eq!(says(InstallmentStatus::Open).await, AmendmentResult::Same, "only its own source says that it is back");
    assert_eq!(says(InstallmentStatus::Paid).await, AmendmentResult::Changed);
    import(store, &[rows[0].clone(), rows[2].clone()]).await;
    let back = statuses().await;
    assert_eq!(back[0], ("i1".to_owned(), InstallmentStatus::Paid, false), "a payment stays");
    assert_eq!(back[2], ("i3".to_owned(), open, false), "its row says nothing of the status");
}
