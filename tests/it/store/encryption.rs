//! Personal data is encrypted in the database, and nothing else changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Address, AddressKey, Channel, EmailAddress, FieldUpdate, Intent, KeyRing, LedgerRow, ManualChange, PersonName,
    Phone, RecordCells, RecordKind, RejectedRecord, SuppressionReason, Verifier,
};
use dueherald::store::{
    IncomingReply, PostgresStore, Protection, RejectFilter, ReplyFilter, ReportBatch, Sender, SqliteStore, Store,
    StoreError, SuppressionChangeFilter, SuppressionFilter, WriteMode,
};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

use super::bench::{START, ring, sqlite_url};
use super::sample::{DUE, claim, date, import, instant, key, merchant, plan, row, send, sms, suppression};
use super::search::found;

/// The personal data that must be nowhere in the clear.
const PERSONAL: [&str; 5] = ["欧阳晓雯", "13800138000", "ouyang", "13911112222", "13700137000"];

/// A database that is opened with other keys each time.
#[async_trait]
pub(super) trait Place: Sync {
    /// The text that a column of bytes holds, with one piece in the place of another, as an expression.
    fn replaced(&self, column: &str, piece: &str, by: &str) -> String;

    async fn execute(&self, statement: String);

    async fn open(&self, ring: Option<KeyRing>) -> Box<dyn Store>;

    /// Every column of every table, as text.
    async fn dump(&self) -> String;
}

pub(super) struct File(TempDir);

#[async_trait]
impl Place for File {
    fn replaced(&self, column: &str, piece: &str, by: &str) -> String {
        format!("unhex(replace(hex({column}), hex('{piece}'), hex('{by}')))")
    }

    async fn execute(&self, statement: String) {
        let mut connection = sqlx::SqliteConnection::connect(&sqlite_url(&self.0)).await.expect("it opens");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.expect("it is carried out");
    }

    async fn open(&self, ring: Option<KeyRing>) -> Box<dyn Store> {
        let store = SqliteStore::open(&sqlite_url(&self.0), clock()).await.expect("the file can be made");
        Box::new(match ring {
            Some(ring) => store.encrypted_with(Arc::new(ring)),
            None => store,
        })
    }

    async fn dump(&self) -> String {
        let mut connection = sqlx::SqliteConnection::connect(&sqlite_url(&self.0)).await.expect("it opens");
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select m.name, group_concat('coalesce(cast(\"' || c.name || '\" as text), '''')', ' || '' '' || ')
             from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like \
             '%sqlx%' group by m.name",
        )
        .fetch_all(&mut connection)
        .await
        .expect("it has tables");
        let mut all = String::new();
        for (table, columns) in columns {
            let rows: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(format!("select {columns} from \"{table}\"")))
                .fetch_all(&mut connection)
                .await
                .expect("it is read");
            all.extend(rows.into_iter().map(|(row,)| format!("{table}: {row}\n")));
        }
        all
    }
}

pub(super) struct Server(crate::postgres::TestDatabase);

#[async_trait]
impl Place for Server {
    fn replaced(&self, column: &str, piece: &str, by: &str) -> String {
        let hex = |text: &str| format!("encode('{text}', 'hex')");
        format!("decode(replace(encode({column}, 'hex'), {}, {}), 'hex')", hex(piece), hex(by))
    }

    async fn execute(&self, statement: String) {
        let mut connection = sqlx::PgConnection::connect(&self.0.url()).await.expect("it is there");
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.expect("it is carried out");
    }

    async fn open(&self, ring: Option<KeyRing>) -> Box<dyn Store> {
        let store = PostgresStore::connect(&self.0.url().into(), 2, Some(clock())).await.expect("it is there");
        Box::new(match ring {
            Some(ring) => store.encrypted_with(Arc::new(ring)),
            None => store,
        })
    }

    async fn dump(&self) -> String {
        let mut connection = sqlx::PgConnection::connect(&self.0.url()).await.expect("it is there");
        let tables: Vec<(String,)> =
            sqlx::query_as("select tablename::text from pg_tables where schemaname = 'public'")
                .fetch_all(&mut connection)
                .await
                .expect("it has tables");
        let mut all = String::new();
        for (table,) in tables {
            let rows: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(format!("select t::text from \"{table}\" t")))
                .fetch_all(&mut connection)
                .await
                .expect("it is read");
            all.extend(rows.into_iter().map(|(row,)| format!("{table}: {row}\n")));
        }
        all
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SimClock::at(instant(START)))
}

pub(super) fn file() -> File {
    File(TempDir::new().expect("a temporary folder"))
}

pub(super) async fn server() -> Server {
    Server(crate::postgres::database().await)
}

pub(super) fn keys(ids: &[u8]) -> Option<KeyRing> {
    Some(KeyRing::new(ids.iter().map(|id| (*id, [*id; 32])), [99; 32]).expect("keys"))
}

fn phone(text: &str) -> AddressKey {
    Address::Phone(Phone::new(text).expect("a number")).into()
}

fn mail() -> AddressKey {
    Address::Email(EmailAddress::new("ouyang@mail.example").expect("an address")).into()
}

fn borrower() -> LedgerRow {
    LedgerRow {
        name: FieldUpdate::Set(PersonName::new("欧阳晓雯").ok()),
        phone: FieldUpdate::Set(Phone::new("+8613800138000").ok()),
        email: FieldUpdate::Set(EmailAddress::new("OuYang@mail.example").ok()),
        account_phone: FieldUpdate::Set(Phone::new("+8613911112222").ok()),
        verifier: FieldUpdate::Set(Verifier::read("03-12").ok()),
        ..row("b1", "i1")
    }
}

async fn answer(store: &dyn Store, from: Sender, intent: Intent, said: &str) {
    let (at, about, provider_id) = (instant(START), None, Some(said.to_owned()));
    let reply = IncomingReply { from, about, said: said.to_owned(), intent, at, provider_id };
    let gateway = "kannel".parse().expect("a gateway");
    let told = ReportBatch { gateway, fates: Vec::new(), replies: vec![reply], confirm: BTreeMap::new() };
    assert_eq!(store.take_in(&told).await.expect("it is taken in").replies, 1);
}

/// Writes personal data by every way there is.
async fn fill(store: &dyn Store) {
    import(store, &[borrower(), row("b2", "i2")]).await;
    let by = ManualChange { actor: "wang".into(), reason: "she called".into(), at: instant(START) };
    let mailed = suppression(None, mail(), SuppressionReason::Manual);
    store.suppress(&[mailed], Some(&by)).await.expect("suppressed");
    answer(store, phone("+8613800138000").into(), Intent::Unclear, "I will not stop paying").await;
    answer(store, phone("+8613700137000").into(), Intent::Stop, "stop").await;
    answer(store, Sender::Unreadable("013911112222".into()), Intent::Stop, "退订").await;
    let cells = [("merchant", "mall"), ("installment_id", "i1"), ("phone", "13800138000"), ("name", "欧阳晓雯")];
    let record = RejectedRecord {
        source: None,
        kind: RecordKind::Row,
        merchant: Some(merchant("mall")),
        installment: Some("i1".parse().expect("a number")),
        cells: RecordCells(cells.map(|(column, text)| (column.to_owned(), text.to_owned())).into()),
        waits: false,
        reason: "amount is missing".to_owned(),
    };
    let unreadable = RejectedRecord { merchant: None, installment: None, ..record.clone() };
    store.import_batch(&[], &[record, unreadable], WriteMode::Commit).await.expect("kept");
}

/// That everything which was written is read, and that addresses meet each other.
async fn all_is_there(store: &dyn Store) {
    let account = store.account(&key("b1"), date(DUE), Channel::Sms).await.expect("the account is read");
    let known = account.borrower.as_ref().expect("the borrower is known");
    assert_eq!(known.name.as_ref().map(PersonName::as_str), Some("欧阳晓雯"));
    assert_eq!(known.phone.as_ref().map(Phone::as_e164), Some("+8613800138000"));
    assert_eq!(known.email.as_ref().map(EmailAddress::as_str), Some("OuYang@mail.example"));
    assert_eq!(known.account_phone.as_ref().map(Phone::as_e164), Some("+8613911112222"));
    assert!(account.unread_reply.is_some(), "the answer is from this number");
    let mailed = store.account(&key("b1"), date(DUE), Channel::Email).await.expect("the account is read");
    assert_eq!(mailed.suppressed, Some(SuppressionReason::Manual));
    for address in [mail(), phone("+8613700137000")] {
        let filter = SuppressionFilter { address: Some(address.clone()), limit: 9, ..SuppressionFilter::default() };
        let found = store.suppressions(&filter).await.expect("listed");
        assert_eq!(found.iter().map(|one| &one.address).collect::<Vec<_>>(), [&address]);
    }
    let filter = SuppressionChangeFilter { address: Some(mail()), limit: 9, ..SuppressionChangeFilter::default() };
    assert_eq!(store.suppression_changes(&filter).await.expect("listed").len(), 1);
    let replies = store.replies(&ReplyFilter { limit: 9, ..ReplyFilter::default() }).await.expect("listed");
    let from: Vec<_> = replies.iter().map(|reply| reply.from.reveal()).collect();
    assert_eq!(from, ["013911112222", "+8613700137000", "+8613800138000"]);
    assert_eq!(found(store, "mall", Some("欧阳 晓雯"), Some("8000")).await, ["b1"], "staff find them");
    let rejects = store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed");
    assert!(rejects.len() == 2 && rejects.iter().all(|kept| kept.record.cells.0["name"] == "欧阳晓雯"));
}

fn holds_nothing_personal(dump: &str) {
    assert!(dump.contains("borrower: ") && dump.contains("reply: "), "{dump}");
    for personal in PERSONAL {
        assert!(!dump.contains(personal), "{personal} stands in the clear: {dump}");
    }
}

async fn a_new_database_is_encrypted(place: &dyn Place) {
    let store = place.open(keys(&[1])).await;
    store.migrate().await.expect("the migrations run");
    store.ready().await.expect("it has its keys");
    fill(&*store).await;
    all_is_there(&*store).await;
    fill_again_changes_nothing(&*store).await;
    holds_nothing_personal(&place.dump().await);
    assert_eq!(
        store.protection().await.expect("counted"),
        Protection { is_encrypted: true, borrowers: 2, without_verifier: 1, ..Protection::default() }
    );
}

async fn fill_again_changes_nothing(store: &dyn Store) {
    use dueherald::store::Change;
    assert_eq!(import(store, &[borrower()]).await, [Change::Same]);
}

async fn an_old_database_is_encrypted_as_a_whole(place: &dyn Place) {
    let plain = place.open(None).await;
    plain.migrate().await.expect("the migrations run");
    fill(&*plain).await;
    assert!(place.dump().await.contains("13800138000"), "it is not encrypted yet");
    let store = place.open(keys(&[1])).await;
    let refused = store.ready().await.expect_err("it is to be encrypted first");
    assert!(matches!(refused, StoreError::NotEncrypted) && refused.to_string().contains("dueherald migrate"));
    assert!(store.import(&[row("b3", "i3")], WriteMode::Commit).await.is_err(), "nor does it mix");
    assert_eq!(store.migrate().await.expect("it is encrypted"), 0);
    store.ready().await.expect("it has its keys");
    all_is_there(&*store).await;
    holds_nothing_personal(&place.dump().await);
    plan(&*store, &[sms("b2", START)]).await;
    assert_eq!(claim(&*store, 9, &send).await.sending.len(), 1);
}

async fn other_keys_or_none_read_and_write_nothing(place: &dyn Place) {
    let store = place.open(keys(&[1])).await;
    store.migrate().await.expect("the migrations run");
    fill(&*store).await;
    let before = place.dump().await;
    let plain = place.open(None).await;
    let refused = plain.ready().await.expect_err("it has no keys").to_string();
    assert!(refused.contains("has no [encryption]"), "{refused}");
    assert!(plain.migrate().await.is_err());
    assert!(plain.account(&key("b1"), date(DUE), Channel::Sms).await.is_err());
    assert!(plain.import(&[row("b3", "i3")], WriteMode::Commit).await.is_err());
    let number = suppression(None, phone("+8613600136000"), SuppressionReason::Manual);
    assert!(plain.suppress(&[number], None).await.is_err(), "a suppression that nothing meets would be lost");
    let other_index = KeyRing::new([(1, [1; 32])], [98; 32]).expect("keys");
    let refused = place.open(Some(other_index)).await.ready().await.expect_err("another index").to_string();
    assert!(refused.contains("index_key"), "{refused}");
    let other_key = place.open(keys(&[2])).await;
    let refused = other_key.account(&key("b1"), date(DUE), Channel::Sms).await.expect_err("another key").to_string();
    assert!(refused.contains("put that key back") && !refused.contains("13800138000"), "{refused}");
    assert_eq!(place.dump().await, before, "nothing was written");
}

/// A secret that is not the one of its key id: the data of that key would read as damaged.
async fn another_secret_under_a_known_id_is_refused(place: &dyn Place) {
    let store = place.open(keys(&[1])).await;
    store.migrate().await.expect("the migrations run");
    fill(&*store).await;
    let ring = |keys: &[(u8, u8)]| KeyRing::new(keys.iter().map(|(id, byte)| (*id, [*byte; 32])), [99; 32]).ok();
    let is_refused = async |keys: &[(u8, u8)], named: &str| {
        let before = place.dump().await;
        let store = place.open(ring(keys)).await;
        for refused in [store.ready().await, store.migrate().await.map(drop)] {
            let refused = refused.expect_err("the secret is another one").to_string();
            assert!(refused.contains(named) && refused.contains("put back what [encryption] had"), "{refused}");
        }
        assert_eq!(place.dump().await, before, "nothing was written");
    };
    is_refused(&[(1, 7)], "the secret of key 1 is not the one").await;
    is_refused(&[(2, 2), (1, 7)], "the secret of key 1 is not the one").await;
    let both = place.open(ring(&[(2, 2), (1, 1)])).await;
    both.ready().await.expect("a key more is no mistake");
    both.renew_encryption(None).await.expect("renewed");
    is_refused(&[(2, 2), (1, 7)], "the secret of key 1 is not the one").await;
    is_refused(&[(2, 7), (1, 1)], "the secret of key 2 is not the one").await;
    place.open(ring(&[(2, 2)])).await.ready().await.expect("the old key may go");
    // An earlier version kept no keys of messages: then some borrowers tell.
    place.execute("delete from message_key".to_owned()).await;
    is_refused_by_borrowers(&*place.open(ring(&[(2, 7)])).await).await;
    place.open(ring(&[(2, 2)])).await.migrate().await.expect("these are its keys");
}

async fn is_refused_by_borrowers(store: &dyn Store) {
    let refused = store.migrate().await.expect_err("the secret is another one").to_string();
    assert!(refused.contains("the secret of key 2 is not the one"), "{refused}");
}

async fn keys_are_changed_step_by_step(place: &dyn Place) {
    let store = place.open(keys(&[1])).await;
    store.migrate().await.expect("the migrations run");
    fill(&*store).await;
    let both = place.open(keys(&[2, 1])).await;
    all_is_there(&*both).await;
    assert_eq!(both.protection().await.expect("counted").under_older_keys, 2);
    let mut after = None;
    let mut written = 0;
    loop {
        let renewed = both.renew_encryption(after.as_ref()).await.expect("renewed");
        written += renewed.written;
        after = renewed.next;
        if after.is_none() {
            break;
        }
    }
    assert!(written >= 2, "{written}");
    assert_eq!(both.protection().await.expect("counted").under_older_keys, 0);
    assert_eq!(both.renew_encryption(None).await.expect("there is nothing to do").written, 0);
    all_is_there(&*place.open(keys(&[2])).await).await;
    holds_nothing_personal(&place.dump().await);
}

#[tokio::test]
async fn a_new_database_is_encrypted_on_sqlite() {
    a_new_database_is_encrypted(&file()).await;
}

#[tokio::test]
async fn a_new_database_is_encrypted_on_postgres() {
    a_new_database_is_encrypted(&server().await).await;
}

#[tokio::test]
async fn an_old_database_is_encrypted_as_a_whole_on_sqlite() {
    an_old_database_is_encrypted_as_a_whole(&file()).await;
}

#[tokio::test]
async fn an_old_database_is_encrypted_as_a_whole_on_postgres() {
    an_old_database_is_encrypted_as_a_whole(&server().await).await;
}

#[tokio::test]
async fn other_keys_or_none_read_and_write_nothing_on_sqlite() {
    other_keys_or_none_read_and_write_nothing(&file()).await;
}

#[tokio::test]
async fn other_keys_or_none_read_and_write_nothing_on_postgres() {
    other_keys_or_none_read_and_write_nothing(&server().await).await;
}

#[tokio::test]
async fn another_secret_under_a_known_id_is_refused_on_sqlite() {
    another_secret_under_a_known_id_is_refused(&file()).await;
}

#[tokio::test]
async fn another_secret_under_a_known_id_is_refused_on_postgres() {
    another_secret_under_a_known_id_is_refused(&server().await).await;
}

#[tokio::test]
async fn keys_are_changed_step_by_step_on_sqlite() {
    keys_are_changed_step_by_step(&file()).await;
}

#[tokio::test]
async fn keys_are_changed_step_by_step_on_postgres() {
    keys_are_changed_step_by_step(&server().await).await;
}

/// On every store: a verifier is kept as a hash, and an empty cell takes it back.
pub(super) async fn a_verifier_is_kept_as_a_hash(store: &dyn Store, _: &SimClock) {
    let verifier = |text: &str| FieldUpdate::Set(Verifier::read(text).ok());
    let known = async || {
        let account = store.account(&key("b1"), date(DUE), Channel::Sms).await.expect("read");
        account.borrower.expect("known").verifier
    };
    import(store, &[LedgerRow { verifier: verifier("123X"), ..row("b1", "i1") }]).await;
    let hash = known().await.expect("it is kept");
    let ring = ring();
    assert!(ring.verifies(&key("b1"), &Verifier::read("123x").expect("an ID"), &hash));
    assert!(!ring.verifies(&key("b1"), &Verifier::read("1234").expect("an ID"), &hash));
    import(store, &[row("b1", "i1")]).await;
    assert_eq!(known().await, Some(hash), "a row that says nothing of it changes nothing");
    import(store, &[LedgerRow { verifier: FieldUpdate::Set(None), ..row("b1", "i1") }]).await;
    assert_eq!(known().await, None);
}
