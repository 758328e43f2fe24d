//! The people of the staff, their sessions, and their tries to log in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Db, SqlStore, Tx, audit, digits};
use crate::domain::{
    Credential, Locale, ManualChange, OidcSubject, SessionDigest, StaffRole, User, UserDisplay, UserGrant, UserName,
    WorkItem,
};
use crate::plan::{LoginTry, TryDecision};
use crate::store::audit_entries;
use crate::store::sql::borrower::read;
use crate::store::sql::user::{
    ADD, BEGIN_SESSION, CHANGE_DISPLAY, CHANGE_GRANT, CHANGE_PASSWORD, COUNT_FAILURE, DISABLE, ENABLE, END_SESSION,
    END_SESSIONS, FORGET_ENDED, FORGET_WORK, LEAVE_WORK, LOCK_ADMINS, LOG_IN, LOG_OUT, NOTE_USE, OF_SUBJECT,
    OTHER_ADMIN, SESSION, SessionRow, TAKE_WORK, USER, USERS, UserRow, WORK, stored_credential, stored_merchants,
};
use crate::store::sql::value::Moment;
use crate::store::{
    NewPassword, NewSession, SESSION_USE_GRAIN, StaffSession, StoreError, UserChange, UserRecord, UserStore, WORK_KEPT,
};

#[async_trait]
impl UserStore for SqlStore {
    async fn add_user(&self, user: &User, by: &ManualChange) -> Result<bool, StoreError> {
        let (password, subject, issuer) = stored_credential(&user.credential);
        let mut tx = self.write().await?;
        let added = sqlx::query::<Db>(ADD)
            .bind(user.name.as_str())
            .bind(user.grant.role.as_str())
            .bind(stored_merchants(&user.grant))
            .bind(user.locale.as_ref().map(|locale| locale.as_str()))
            .bind(user.time_zone.map(|zone| zone.name()))
            .bind(password)
            .bind(subject)
            .bind(issuer)
            .bind(&user.device_key.0[..])
            .bind(Moment(by.at))
            .execute(&mut *tx)
            .await?;
        let added = added.rows_affected() > 0;
        if added {
            audit::note(&mut tx, &[audit_entries::add_user(user, by)]).await?;
        }
        tx.commit().await?;
        Ok(added)
    }

    async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<UserRow> = sqlx::query_as::<Db, _>(USERS).fetch_all(&mut *tx).await?;
        tx.finish(rows).await.into_iter().map(UserRow::record).collect()
    }

    async fn user(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError> {
        let mut tx = self.read().await?;
        let row: Option<UserRow> = sqlx::query_as::<Db, _>(USER).bind(name.as_str()).fetch_optional(&mut *tx).await?;
        tx.finish(row).await.map(UserRow::record).transpose()
    }

    async fn user_of_subject(&self, subject: &OidcSubject) -> Result<Option<UserRecord>, StoreError> {
        let mut tx = self.read().await?;
        let row: Option<UserRow> = sqlx::query_as::<Db, _>(OF_SUBJECT)
            .bind(subject.as_str())
            .bind(subject.issuer())
            .fetch_optional(&mut *tx)
            .await?;
        tx.finish(row).await.map(UserRow::record).transpose()
    }

    async fn change_password(&self, change: &NewPassword, by: &ManualChange) -> Result<UserChange, StoreError> {
        let mut tx = self.write().await?;
        let result = match user(&mut tx, &change.name).await? {
            None => UserChange::UnknownUser,
            Some(known) if !matches!(known.user.credential, Credential::Password(_)) => UserChange::NoPassword,
            Some(_) => {
                sqlx::query::<Db>(CHANGE_PASSWORD)
                    .bind(change.name.as_str())
                    .bind(change.password.reveal())
                    .bind(&change.device_key.0[..])
                    .execute(&mut *tx)
                    .await?;
                end_sessions(&mut tx, &change.name).await?;
                audit::note(&mut tx, &[audit_entries::change_password(&change.name, by)]).await?;
                UserChange::Made
            }
        };
        close(tx, result).await
    }

    async fn disable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        let mut tx = self.write().await?;
        sqlx::query::<Db>(LOCK_ADMINS).execute(&mut *tx).await?;
        let result = match user(&mut tx, name).await? {
            None => UserChange::UnknownUser,
            Some(known) if known.disabled_at.is_some() => UserChange::Unchanged,
            Some(known) if is_last_admin(&mut tx, &known).await? => UserChange::LastAdmin,
            Some(_) => {
                sqlx::query::<Db>(DISABLE).bind(name.as_str()).bind(Moment(by.at)).execute(&mut *tx).await?;
                end_sessions(&mut tx, name).await?;
                audit::note(&mut tx, &[audit_entries::disable_user(name, by)]).await?;
                UserChange::Made
            }
        };
        close(tx, result).await
    }

    async fn enable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        let mut tx = self.write().await?;
        let result = match user(&mut tx, name).await? {
            None => UserChange::UnknownUser,
            Some(known) if known.disabled_at.is_none() => UserChange::Unchanged,
            Some(_) => {
                sqlx::query::<Db>(ENABLE).bind(name.as_str()).execute(&mut *tx).await?;
                audit::note(&mut tx, &[audit_entries::enable_user(name, by)]).await?;
                UserChange::Made
            }
        };
        close(tx, result).await
    }

    async fn change_grant(
        &self,
        name: &UserName,
        grant: &UserGrant,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        let mut tx = self.write().await?;
        sqlx::query::<Db>(LOCK_ADMINS).execute(&mut *tx).await?;
        let result = match user(&mut tx, name).await? {
            None => UserChange::UnknownUser,
            Some(known) if known.user.grant == *grant => UserChange::Unchanged,
            Some(known) if grant.role != StaffRole::Admin && is_last_admin(&mut tx, &known).await? => {
                UserChange::LastAdmin
            }
            Some(known) => {
                sqlx::query::<Db>(CHANGE_GRANT)
                    .bind(name.as_str())
                    .bind(grant.role.as_str())
                    .bind(stored_merchants(grant))
                    .execute(&mut *tx)
                    .await?;
                let entry = audit_entries::change_grant(name, &known.user.grant, grant, by);
                audit::note(&mut tx, &[entry]).await?;
                UserChange::Made
            }
        };
        close(tx, result).await
    }

    async fn change_display(
        &self,
        name: &UserName,
        display: &UserDisplay,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        let mut tx = self.write().await?;
        let result = match user(&mut tx, name).await?.map(|known| known.user.display()) {
            None => UserChange::UnknownUser,
            Some(before) if before == *display => UserChange::Unchanged,
            Some(before) => {
                sqlx::query::<Db>(CHANGE_DISPLAY)
                    .bind(name.as_str())
                    .bind(display.locale.as_ref().map(Locale::as_str))
                    .bind(display.time_zone.map(|zone| zone.name()))
                    .execute(&mut *tx)
                    .await?;
                audit::note(&mut tx, &[audit_entries::change_display(name, &before, display, by)]).await?;
                UserChange::Made
            }
        };
        close(tx, result).await
    }

    async fn try_login(&self, attempt: &LoginTry, name: Option<&UserName>) -> Result<TryDecision, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let decision = digits::count(&mut tx, attempt.subjects(), now).await?;
        if let (TryDecision::Counted { .. }, Some(name)) = (decision, name) {
            sqlx::query::<Db>(COUNT_FAILURE).bind(name.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(decision)
    }

    async fn forget_login_tries(&self, attempt: &LoginTry) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        digits::forget(&mut tx, attempt.subjects(), now).await?;
        Ok(tx.commit().await?)
    }

    async fn begin_session(&self, session: &NewSession) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let logged_in = sqlx::query::<Db>(LOG_IN)
            .bind(session.user.as_str())
            .bind(&session.device_key.0[..])
            .bind(Moment(session.created_at))
            .execute(&mut *tx)
            .await?;
        if logged_in.rows_affected() == 0 {
            return Ok(tx.finish(false).await);
        }
        if let Some(replaced) = &session.replaces {
            sqlx::query::<Db>(END_SESSION).bind(&replaced.0[..]).execute(&mut *tx).await?;
        }
        sqlx::query::<Db>(FORGET_ENDED).bind(Moment(session.created_at)).execute(&mut *tx).await?;
        sqlx::query::<Db>(BEGIN_SESSION)
            .bind(&session.digest.0[..])
            .bind(session.user.as_str())
            .bind(&session.csrf.0[..])
            .bind(Moment(session.created_at))
            .bind(Moment(session.ends_at))
            .execute(&mut *tx)
            .await?;
        if let Some(known) = user(&mut tx, &session.user).await? {
            audit::note(&mut tx, &[audit_entries::login(session, &known.user.credential)]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn use_session(
        &self,
        digest: &SessionDigest,
        now: DateTime<Utc>,
        idle: TimeDelta,
    ) -> Result<Option<StaffSession>, StoreError> {
        let mut tx = self.read().await?;
        let row: Option<SessionRow> = sqlx::query_as::<Db, _>(SESSION)
            .bind(&digest.0[..])
            .bind(Moment(now))
            .bind(Moment(now - idle))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(session) = tx.finish(row).await.map(SessionRow::session).transpose()? else { return Ok(None) };
        let long_ago = now - SESSION_USE_GRAIN;
        if session.used_at <= long_ago {
            let mut tx = self.write().await?;
            sqlx::query::<Db>(NOTE_USE)
                .bind(&digest.0[..])
                .bind(Moment(now))
                .bind(Moment(long_ago))
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(Some(session))
    }

    async fn end_session(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let ended: Option<(String,)> =
            sqlx::query_as::<Db, _>(LOG_OUT).bind(&digest.0[..]).fetch_optional(&mut *tx).await?;
        if let Some((user,)) = &ended {
            let now = self.now(&mut tx).await?;
            audit::note(&mut tx, &[audit_entries::logout(user, now.0)]).await?;
        }
        tx.commit().await?;
        Ok(ended.is_some())
    }

    async fn take_work(&self, item: &WorkItem, user: &UserName, at: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query::<Db>(FORGET_WORK).bind(Moment(at - WORK_KEPT)).execute(&mut *tx).await?;
        sqlx::query::<Db>(TAKE_WORK)
            .bind(item.to_string())
            .bind(user.as_str())
            .bind(Moment(at))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn leave_work(&self, item: &WorkItem, user: &UserName) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let left = sqlx::query::<Db>(LEAVE_WORK).bind(item.to_string()).bind(user.as_str()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(left.rows_affected() > 0)
    }

    async fn work_owners(&self) -> Result<BTreeMap<WorkItem, UserName>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<(String, String)> = sqlx::query_as::<Db, _>(WORK).fetch_all(&mut *tx).await?;
        let read = |(item, user): (String, String)| {
            Ok((read(&item, "staff_work.item", str::parse)?, read(&user, "staff_work.user_name", UserName::new)?))
        };
        tx.finish(rows).await.into_iter().map(read).collect()
    }
}

async fn user(tx: &mut Tx, name: &UserName) -> Result<Option<UserRecord>, StoreError> {
    let row: Option<UserRow> = sqlx::query_as::<Db, _>(USER).bind(name.as_str()).fetch_optional(&mut **tx).await?;
    row.map(UserRow::record).transpose()
}

/// Whether nobody but this user is an admin who is enabled.
async fn is_last_admin(tx: &mut Tx, known: &UserRecord) -> Result<bool, StoreError> {
    if known.user.grant.role != StaffRole::Admin || known.disabled_at.is_some() {
        return Ok(false);
    }
    let other: Option<(String,)> =
        sqlx::query_as::<Db, _>(OTHER_ADMIN).bind(known.user.name.as_str()).fetch_optional(&mut **tx).await?;
    Ok(other.is_none())
}

/// Keeps a change that was made; there is nothing to keep of another.
async fn close(tx: Tx, result: UserChange) -> Result<UserChange, StoreError> {
    match result {
        UserChange::Made => tx.commit().await.map(|()| result).map_err(StoreError::from),
        _ => Ok(tx.finish(result).await),
    }
}

async fn end_sessions(tx: &mut Tx, name: &UserName) -> Result<(), StoreError> {
    sqlx::query::<Db>(END_SESSIONS).bind(name.as_str()).execute(&mut **tx).await?;
    Ok(())
}
