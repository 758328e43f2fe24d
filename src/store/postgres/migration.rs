//! The schema of the database: whether it is this version's, and how it comes to be.

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{Executor, raw_sql};

use super::pool::{Pool, Tx};
use crate::store::StoreError;
use crate::store::sql::schema;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Those from before the first release, and what makes of their schema that of the first migration.
static OLD_MIGRATIONS: Migrator = sqlx::migrate!("migrations/before_first_release/postgres");
const RENAME: &str = include_str!("../../../migrations/before_first_release/rename_postgres.sql");

/// Whether anything was ever migrated, in the schema that this connection works in.
const HAS_MIGRATIONS: &str = "select to_regclass('_sqlx_migrations') is not null";

/// The applied migrations, by version.
const APPLIED: &str = "select version, checksum from _sqlx_migrations order by version";

/// Whether a claim can be kept: who may write, and whether a commit waits for the disk.
const CAN_KEEP: &str = "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', \
                        current_setting('synchronous_commit') = 'off'";

/// A migration reads and writes whole tables and may take its time.
const WITHOUT_LIMITS: &str = "set statement_timeout = 0; set lock_timeout = 0; \
                              set idle_in_transaction_session_timeout = 0; \
                              set plan_cache_mode = auto; set enable_seqscan = on; set enable_bitmapscan = on; \
                              set enable_hashjoin = on; \
                              set enable_mergejoin = on";
const WITHOUT_LIMITS_LOCALLY: &str = "; set local statement_timeout = 0; set local lock_timeout = 0; \
                                      set local idle_in_transaction_session_timeout = 0; \
     set local plan_cache_mode = auto; set local enable_seqscan = on; set local enable_bitmapscan = on; \
     set local enable_hashjoin = on; set local enable_mergejoin = on";

/// Behind a pooler a lock can only be held by a transaction.
const LOCK: &str = "select pg_advisory_xact_lock(hashtext('dueherald migrate'))";

/// The table that sqlx keeps.
const TABLE: &str = r#"
    create table if not exists _sqlx_migrations (
        version bigint primary key,
        description text not null,
        installed_on timestamptz not null default now(),
        success boolean not null,
        checksum bytea not null,
        execution_time bigint not null
    )"#;

/// Brings the schema to this version's. Gives how many migrations were applied.
pub(super) async fn apply(pool: &Pool) -> Result<usize, StoreError> {
    let mut alone = pool.alone(None).await?;
    if alone.is_pooled() {
        alone.rollback().await?;
        return apply_at_once(pool).await;
    }
    check_writable(&mut alone).await?;
    let known = applied(&mut alone).await?;
    if schema::is_old(versions(&known)) {
        alone.rollback().await?;
        return apply_at_once(pool).await;
    }
    if is_up_to_date(&known) {
        // A role that may not change the schema finds nothing to do.
        alone.rollback().await?;
        return Ok(0);
    }
    let before = known.len();
    alone.execute(raw_sql(WITHOUT_LIMITS)).await?;
    let applied = schema::migrate(alone.driver(), &MIGRATIONS, before).await;
    // Its settings are those of no other connection now.
    alone.close().await?;
    applied
}

/// Whether exactly the migrations of this version were applied, and as they are here.
fn is_up_to_date(known: &[(i64, Vec<u8>)]) -> bool {
    let same = |migration: &Migration| {
        known.iter().any(|(version, checksum)| *version == migration.version && *checksum == *migration.checksum)
    };
    known.len() == MIGRATIONS.iter().count() && MIGRATIONS.iter().all(same)
}

fn versions(known: &[(i64, Vec<u8>)]) -> impl Iterator<Item = i64> {
    known.iter().map(|(version, _)| *version)
}

/// All in one transaction: behind a pooler the next one may have another backend, and an old database is upgraded as a
/// whole or not at all.
async fn apply_at_once(pool: &Pool) -> Result<usize, StoreError> {
    let mut tx = pool.begin("begin", WITHOUT_LIMITS_LOCALLY).await?;
    check_writable(&mut tx).await?;
    tx.execute(raw_sql(LOCK)).await?;
    tx.execute(raw_sql(TABLE)).await?;
    let mut count = 0;
    if schema::is_old(versions(&applied(&mut tx).await?)) {
        count += apply_missing(&mut tx, &OLD_MIGRATIONS).await?;
        tx.execute(raw_sql(RENAME)).await?;
        tx.execute(schema::FORGET_OLD).await?;
        note(&mut tx, schema::first(&MIGRATIONS)?).await?;
        count += 1;
    }
    count += apply_missing(&mut tx, &MIGRATIONS).await?;
    tx.commit().await?;
    Ok(count)
}

async fn apply_missing(tx: &mut Tx, migrations: &Migrator) -> Result<usize, StoreError> {
    let known = applied(tx).await?;
    if versions(&known).any(|version| !migrations.version_exists(version)) {
        return Err(StoreError::NewerSchema);
    }
    let mut count = 0;
    for migration in migrations.iter() {
        match known.iter().find(|(version, _)| *version == migration.version) {
            Some((version, checksum)) if *checksum != *migration.checksum => {
                return Err(StoreError::Migrate(MigrateError::VersionMismatch(*version)));
            }
            Some(_) => {}
            None => {
                apply_one(tx, migration).await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

async fn apply_one(tx: &mut Tx, migration: &Migration) -> Result<(), StoreError> {
    let failed = |error| StoreError::Migrate(MigrateError::ExecuteMigration(error, migration.version));
    tx.execute(raw_sql(migration.sql.clone())).await.map_err(failed)?;
    note(tx, migration).await
}

async fn note(tx: &mut Tx, migration: &Migration) -> Result<(), StoreError> {
    sqlx::query(schema::NOTE)
        .bind(migration.version)
        .bind(&*migration.description)
        .bind(&*migration.checksum)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The versions that the database has, with their checksums.
async fn applied(tx: &mut Tx) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let (exists,): (bool,) = sqlx::query_as(HAS_MIGRATIONS).fetch_one(&mut **tx).await?;
    Ok(if exists { sqlx::query_as(APPLIED).fetch_all(&mut **tx).await? } else { Vec::new() })
}

/// Whether the database lets us write. Gives whether its commits do not wait for the disk.
async fn check_writable(tx: &mut Tx) -> Result<bool, StoreError> {
    let (is_standby, is_read_only, forgets): (bool, bool, bool) = sqlx::query_as(CAN_KEEP).fetch_one(&mut **tx).await?;
    if is_standby {
        let text = "it is a standby server; name the primary server in `database.url`, or promote this one";
        return Err(StoreError::ReadOnly(text));
    }
    if is_read_only {
        return Err(StoreError::ReadOnly(
            "its transactions are for reading only; set default_transaction_read_only = off for this database and \
             user, or \
             name the primary server in `database.url`",
        ));
    }
    Ok(forgets)
}

/// Whether the database has this version's schema, and whether what is written to it is kept. `tx` is one that may
/// write.
pub(super) async fn check(tx: &mut Tx) -> Result<(), StoreError> {
    let forgets = check_writable(tx).await?;
    if forgets {
        return Err(StoreError::NotDurable("synchronous_commit is off".to_owned()));
    }
    let applied: Vec<_> = versions(&applied(tx).await?).collect();
    schema::check(&MIGRATIONS, &applied)
}
