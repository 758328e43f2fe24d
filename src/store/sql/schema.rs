//! How the schema of a database stands to the migrations that are compiled in.

use sqlx::migrate::{Migrate, Migrator};

use crate::store::StoreError;

/// Applies what is missing. Gives how many migrations that were; `before` is what the database had.
pub(in crate::store) async fn migrate<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    before: usize,
) -> Result<usize, StoreError> {
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(_) => StoreError::NewerSchema,
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

/// Whether the database has exactly what this version of dueherald brings.
pub(in crate::store) fn check(migrator: &Migrator, applied: &[i64]) -> Result<(), StoreError> {
    if applied.iter().any(|version| !migrator.version_exists(*version)) {
        return Err(StoreError::NewerSchema);
    }
    if migrator.iter().any(|migration| !applied.contains(&migration.version)) {
        return Err(StoreError::NotMigrated);
    }
    Ok(())
}
