//! The audit log against somebody who has the database: what is refused, what a verification finds, and the commands.

use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{AuditAction, AuditFault, AuditOrigin, AuditSubject, AuditValues, KeyRing, NewAuditEntry};
use dueherald::pipeline::{AuditVerdict, keep_checkpoint, verify_audit};
use dueherald::render::LinkKeys;
use dueherald::store::{PostgresStore, SqliteStore, Store};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use std::sync::Arc;
use tempfile::TempDir;

use crate::commands::Desk;
use crate::postgres::TestDatabase;

/// A database, and the rights of its owner.
enum Place {
    Postgres(Box<TestDatabase>),
    Sqlite(TempDir),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Postgres,
    Sqlite,
}

impl Place {
    async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Postgres => Self::Postgres(Box::new(crate::postgres::database().await)),
            Kind::Sqlite => Self::Sqlite(TempDir::new().expect("a temporary folder")),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Postgres(database) => database.url(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("audit.db").display()),
        }
    }

    /// The store, migrated.
    async fn store(&self, ring: Option<KeyRing>) -> Box<dyn Store> {
        let (url, ring) = (self.url(), ring.map(Arc::new));
        let store: Box<dyn Store> = match self {
            Self::Postgres(_) => {
                let store = PostgresStore::connect(&url.into(), 2, None).await.expect("it is there");
                match ring {
                    Some(ring) => Box::new(store.encrypted_with(ring)),
                    None => Box::new(store),
                }
            }
            Self::Sqlite(_) => {
                let store = SqliteStore::open(&url, Arc::new(SystemClock)).await.expect("it can be made");
                match ring {
                    Some(ring) => Box::new(store.encrypted_with(ring)),
                    None => Box::new(store),
                }
            }
        };
        store.migrate().await.expect("it is migrated");
        store
    }

    /// Executes statements as the owner of the tables; gives the error, if there is one.
    async fn run(&self, statements: &str) -> Option<String> {
        let (url, statements) = (self.url(), statements.to_owned());
        let error = match self {
            Self::Postgres(_) => {
                let mut connection = PgConnection::connect(&url).await.expect("it is there");
                connection.execute(AssertSqlSafe(statements)).await.err()
            }
            Self::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&url).await.expect("it is there");
                connection.execute(AssertSqlSafe(statements)).await.err()
            }
        };
        error.map(|error| error.to_string())
    }

    /// Takes away what refuses changes.
    async fn disarm(&self) {
        let statements = match self {
            Self::Postgres(_) => {
                "drop trigger audit_stays on audit_entry; drop trigger audit_stays on audit_checkpoint; \
                 drop trigger audit_stays on audit_head; drop trigger audit_goes_on on audit_head"
            }
            Self::Sqlite(_) => {
                "drop trigger audit_entry_is_not_changed; drop trigger audit_entry_is_not_deleted; \
                 drop trigger audit_entry_is_not_replaced; drop trigger audit_checkpoint_is_not_changed; \
                 drop trigger audit_checkpoint_is_not_deleted; drop trigger audit_head_stays; \
                 drop trigger audit_head_goes_on"
            }
        };
        assert_eq!(self.run(statements).await, None);
    }
}

fn keys() -> LinkKeys {
    LinkKeys::new([(1, [1_u8; 32])]).expect("a key")
}

fn ring() -> KeyRing {
    KeyRing::new([(1, [1; 32])], [2; 32]).expect("keys")
}

/// Twelve entries, the eighth of them signed.
async fn fill(store: &dyn Store) {
    let origin = AuditOrigin::api("crm", "request-1");
    for number in 1..=12 {
        let entry = NewAuditEntry {
            at: SystemClock.now(),
            actor: Some(format!("person {}", number % 3)),
            action: AuditAction::Suppress,
            subject: AuditSubject::object("route", number),
            values: AuditValues::because(&format!("test {number}")).of_address("+8613800138000"),
        };
        store.append(&origin, &[entry]).await.expect("appended");
        if number == 8 {
            let kept = keep_checkpoint(store, &keys(), SystemClock.now()).await.expect("kept").expect("it is new");
            assert_eq!(kept.head.number, 8);
            assert_eq!(keep_checkpoint(store, &keys(), SystemClock.now()).await.expect("asked"), None, "nothing new");
        }
    }
}

async fn verdict(store: &dyn Store) -> AuditVerdict {
    verify_audit(store, &keys(), None).await.expect("read")
}

#[rstest]
#[case::postgres(Kind::Postgres)]
#[case::sqlite(Kind::Sqlite)]
#[tokio::test]
async fn the_database_refuses_changes_of_the_audit_log(#[case] kind: Kind) {
    let place = Place::new(kind).await;
    let store = place.store(None).await;
    fill(&*store).await;
    let mut statements = vec![
        "update audit_entry set actor = 'x' where number = 3",
        "delete from audit_entry where number = 3",
        "update audit_checkpoint set key_id = 9",
        "delete from audit_checkpoint",
        "update audit_head set number = number - 1",
        "delete from audit_head",
        "insert into audit_head (number, hash) select number, hash from audit_head",
    ];
    match kind {
        Kind::Postgres => {
            statements.extend(["truncate audit_entry", "truncate audit_checkpoint", "truncate audit_head"])
        }
        Kind::Sqlite => {
            statements.push("insert or replace into audit_entry select * from audit_entry where number = 3")
        }
    }
    for statement in statements {
        assert!(place.run(statement).await.is_some(), "{statement}");
    }
    let verdict = verdict(&*store).await;
    assert_eq!((verdict.fault, verdict.last.number, verdict.signed), (None, 12, 8));
}

#[rstest]
#[case::a_person("update audit_entry set actor = 'x' where number = 5", AuditFault::Changed(5))]
#[case::a_time("update audit_entry set at = '2026-01-01T00:00:00.000000Z' where number = 5", AuditFault::Changed(5))]
#[case::no_time("update audit_entry set at = 'x' where number = 5", AuditFault::Changed(5))]
#[case::a_door("update audit_entry set door = 'window' where number = 5", AuditFault::Changed(5))]
#[case::a_merchant("update audit_entry set merchant = '' where number = 5", AuditFault::Changed(5))]
#[case::a_hash("update audit_entry set hash = personal_hash where number = 5", AuditFault::Changed(5))]
#[case::removed("delete from audit_entry where number = 5", AuditFault::Missing(5))]
#[case::the_first("delete from audit_entry where number = 1", AuditFault::Missing(1))]
#[case::reordered(
    "update audit_entry set number = 99 where number = 5; update audit_entry set number = 5 where number = 6; \
     update audit_entry set number = 6 where number = 99",
    AuditFault::Changed(5)
)]
#[case::cut_off("delete from audit_entry where number > 10", AuditFault::CutOff { first: 11, last: 12 })]
#[case::cut_off_with_the_head(
    "delete from audit_entry where number > 6; \
     update audit_head set number = 6, hash = (select hash from audit_entry where number = 6)",
    AuditFault::CutOff { first: 7, last: 8 }
)]
#[case::a_forged_checkpoint(
    "update audit_checkpoint set hash = (select hash from audit_entry where number = 7)",
    AuditFault::Forged(8)
)]
#[case::the_head(
    "update audit_head set hash = (select hash from audit_entry where number = 7)",
    AuditFault::HeadChanged(12)
)]
#[case::a_reason(
    "update audit_personal set content = (select content from audit_personal where number = 5) where number = 6",
    AuditFault::PersonalChanged(6)
)]
#[case::a_salt(
    "update audit_personal set salt = (select salt from audit_personal where number = 5) where number = 6",
    AuditFault::PersonalChanged(6)
)]
#[tokio::test]
async fn who_takes_the_triggers_away_is_found(
    #[values(Kind::Postgres, Kind::Sqlite)] kind: Kind,
    #[values(false, true)] is_encrypted: bool,
    #[case] statements: &str,
    #[case] expected: AuditFault,
) {
    let place = Place::new(kind).await;
    let store = place.store(is_encrypted.then(ring)).await;
    fill(&*store).await;
    assert_eq!(verdict(&*store).await.fault, None);
    place.disarm().await;
    if place.run(statements).await.is_some() {
        // PostgreSQL takes no time that is none.
        assert!(statements.contains("'x' where") && matches!(kind, Kind::Postgres), "{statements}");
        return;
    }
    assert_eq!(verdict(&*store).await.fault, Some(expected));
}

#[rstest]
#[case::postgres(Kind::Postgres)]
#[case::sqlite(Kind::Sqlite)]
#[tokio::test]
async fn erased_values_leave_the_chain_valid(#[case] kind: Kind) {
    let place = Place::new(kind).await;
    let store = place.store(Some(ring())).await;
    fill(&*store).await;
    assert_eq!(place.run("delete from audit_personal where number in (3, 4)").await, None);
    let verdict = verdict(&*store).await;
    assert_eq!((verdict.fault, verdict.last.number, verdict.erased), (None, 12, 2));
    let shown = store.audit_chain(2, 1).await.expect("read").remove(0);
    assert_eq!((shown.record.actor.as_str(), shown.personal.values()), ("person 0", None));
}

#[rstest]
#[case::postgres(Kind::Postgres)]
#[case::sqlite(Kind::Sqlite)]
#[tokio::test]
async fn personal_values_are_encrypted_with_the_database_and_outlive_their_key(#[case] kind: Kind) {
    let place = Place::new(kind).await;
    fill(&*place.store(None).await).await;
    // Its migration encrypts what is there.
    let store = place.store(Some(ring())).await;
    let first = match kind {
        Kind::Postgres => "get_byte(content, 0)",
        Kind::Sqlite => "unicode(substr(content, 1, 1))",
    };
    // A key that is there already: the statement fails if one is in the clear.
    let plain = format!(
        "insert into audit_personal (number, salt, content) select 1, salt, content from audit_personal \
                 where {first} = 123"
    );
    assert_eq!(place.run(&plain).await, None, "a brace begins what is in the clear");
    assert_eq!((verdict(&*store).await.fault, verdict(&*store).await.sealed), (None, 0));
    let both = KeyRing::new([(2, [3; 32]), (1, [1; 32])], [2; 32]).expect("keys");
    let store = place.store(Some(both)).await;
    store.renew_encryption(None).await.expect("renewed");
    let later = KeyRing::new([(2, [3; 32])], [2; 32]).expect("keys");
    let store = place.store(Some(later)).await;
    let verdict = verdict(&*store).await;
    assert_eq!((verdict.fault, verdict.last.number, verdict.sealed), (None, 12, 0));
}

#[rstest]
#[case::postgres(Kind::Postgres)]
#[case::sqlite(Kind::Sqlite)]
#[tokio::test]
async fn commands_leave_entries_and_an_export_finds_what_was_cut_off(#[case] kind: Kind) {
    let place = Place::new(kind).await;
    let desk = Desk::new(Some(place.url()));
    desk.run(&["migrate"]).went_well();
    desk.run(&["token", "create", "--name", "crm", "--merchant", "mall", "--allow", "resend"]).went_well();
    let listed = desk.run(&["audit", "list", "--format", "json"]).went_well();
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed[0]["action"], &listed[0]["object"]), (&"token_create".into(), &"token crm".into()));
    assert_eq!((&listed[0]["personal"], &listed[0]["after"]), (&"masked".into(), &"…".into()));
    assert_eq!(desk.run(&["audit", "list", "--reveal"]).code, 2, "a look needs a name and a reason");
    let shown = desk.run(&["audit", "list", "--reveal", "--by", "wang", "--reason", "review", "--wide"]).went_well();
    assert!(shown.contains("audit_reveal") && shown.contains("resend for mall"), "{shown}");
    let file = desk.path("audit.jsonl").display().to_string();
    let exported = desk.run(&["audit", "export", "--to", &file, "--actor", "wang", "--reason", "month"]).went_well();
    assert!(exported.starts_with("3 entries written"), "{exported}");
    let lines = std::fs::read_to_string(&file).expect("text");
    assert_eq!(lines.lines().count(), 4);
    assert!(!lines.contains("resend for mall"), "personal values are left out: {lines}");
    desk.run(&["token", "revoke", "crm"]).went_well();
    let right = desk.run(&["audit", "verify", "--checkpoint", &file]).went_well();
    assert!(right.starts_with("4 entries are right; signed up to entry 3"), "{right}");

    // Somebody who has the database and no link key takes all traces away that are in it.
    place.disarm().await;
    let cut = "delete from audit_checkpoint; delete from audit_entry where number > 1; \
               update audit_head set number = 1, hash = (select hash from audit_entry where number = 1)";
    assert_eq!(place.run(cut).await, None);
    desk.run(&["audit", "verify"]).went_well();
    let found = desk.run(&["audit", "verify", "--checkpoint", &file]);
    assert_eq!(found.code, 1);
    assert!(found.out.contains("from entry 2 on: the log was cut off: entry 2 to 3 are missing"), "{}", found.out);

    let forged = lines.replace("\"number\":3,\"hash\"", "\"number\":1,\"hash\"");
    assert_ne!(forged, lines);
    std::fs::write(&file, forged).expect("written");
    let refused = desk.run(&["audit", "verify", "--checkpoint", &file]);
    assert!(refused.code == 1 && refused.err.contains("the file was changed"), "{}", refused.err);
}
