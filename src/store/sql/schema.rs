//! How the schema of a database stands to the migrations that are compiled in.

use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};

use crate::store::StoreError;

/// The version of the first migration. Databases from before the first release have lower ones.
const FIRST: i64 = 100;

/// Ends the versions from before the first release.
pub(in crate::store) const FORGET_OLD: &str = "delete from _sqlx_migrations where version < 100";

/// Records a migration as applied. Binds: version, description, checksum.
pub(in crate::store) const NOTE: &str = r#"
    insert into _sqlx_migrations (version, description, success, checksum, execution_time)
    values ($1, $2, true, $3, 0)"#;

/// Whether a database that has these versions is from before the first release.
pub(in crate::store) fn is_old(mut applied: impl Iterator<Item = i64>) -> bool {
    applied.any(|version| version < FIRST)
}

/// The first migration: its schema is that of an old database whose tables and columns were renamed.
pub(in crate::store) fn first(migrator: &Migrator) -> Result<&Migration, MigrateError> {
    migrator.iter().find(|migration| migration.version == FIRST).ok_or(MigrateError::VersionNotPresent(FIRST))
}

/// Applies what is missing. Gives how many migrations that were; `before` is what the database had.
pub(in crate::store) async fn migrate<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    before: usize,
) -> Result<usize, StoreError> {
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) => StoreError::NewerSchema,
        other => StoreError::Migrate(other),
    })?;
    Ok(applied(connection, migrator).await?.len().saturating_sub(before))
}

/// The versions that the database has. Its table of migrations must exist.
pub(in crate::store) async fn applied<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
) -> Result<Vec<i64>, StoreError> {
    let applied = connection.list_applied_migrations(&migrator.table_name).await?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

/// Checks that this version of dueherald can work on the database: all its migrations are applied, and every later one
/// only adds to the schema. A migration that removes or changes something begins the next hundred. An old database
/// lacks the first migration.
pub(in crate::store) fn check(migrator: &Migrator, applied: &[i64]) -> Result<(), StoreError> {
    let last = migrator.iter().map(|migration| migration.version).max().unwrap_or(FIRST);
    let only_adds = |version: i64| version > last && version / 100 == last / 100;
    let is_foreign = |version: i64| version >= FIRST && !migrator.version_exists(version) && !only_adds(version);
    if applied.iter().any(|version| is_foreign(*version)) {
        return Err(StoreError::NewerSchema);
    }
    if migrator.iter().any(|migration| !applied.contains(&migration.version)) {
        return Err(StoreError::NotMigrated);
    }
    Ok(())
}
