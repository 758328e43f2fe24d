//! The people of the staff, their sessions, and their tries to log in.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::TaskStore;
use crate::domain::{ManualChange, OidcSubject, SessionDigest, User, UserDisplay, UserGrant, UserName, WorkItem};
use crate::plan::{LoginTry, TryDecision};
use crate::store::{NewPassword, NewSession, StaffSession, StoreError, UserChange, UserRecord, UserStore};

#[async_trait]
impl UserStore for TaskStore {
    async fn add_user(&self, user: &User, by: &ManualChange) -> Result<bool, StoreError> {
        let (user, by) = (user.clone(), by.clone());
        self.run(|store| async move { store.add_user(&user, &by).await }).await
    }

    async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        self.run(|store| async move { store.users().await }).await
    }

    async fn user(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError> {
        let name = name.clone();
        self.run(|store| async move { store.user(&name).await }).await
    }

    async fn user_of_subject(&self, subject: &OidcSubject) -> Result<Option<UserRecord>, StoreError> {
        let subject = subject.clone();
        self.run(|store| async move { store.user_of_subject(&subject).await }).await
    }

    async fn change_password(&self, change: &NewPassword, by: &ManualChange) -> Result<UserChange, StoreError> {
        let (change, by) = (change.clone(), by.clone());
        self.run(|store| async move { store.change_password(&change, &by).await }).await
    }

    async fn disable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        let (name, by) = (name.clone(), by.clone());
        self.run(|store| async move { store.disable_user(&name, &by).await }).await
    }

    async fn enable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        let (name, by) = (name.clone(), by.clone());
        self.run(|store| async move { store.enable_user(&name, &by).await }).await
    }

    async fn change_display(
        &self,
        name: &UserName,
        display: &UserDisplay,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        let (name, display, by) = (name.clone(), display.clone(), by.clone());
        self.run(|store| async move { store.change_display(&name, &display, &by).await }).await
    }

    async fn change_grant(
        &self,
        name: &UserName,
        grant: &UserGrant,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        let (name, grant, by) = (name.clone(), grant.clone(), by.clone());
        self.run(|store| async move { store.change_grant(&name, &grant, &by).await }).await
    }

    async fn try_login(&self, attempt: &LoginTry, name: Option<&UserName>) -> Result<TryDecision, StoreError> {
        let (attempt, name) = (attempt.clone(), name.cloned());
        self.run(|store| async move { store.try_login(&attempt, name.as_ref()).await }).await
    }

    async fn forget_login_tries(&self, attempt: &LoginTry) -> Result<(), StoreError> {
        let attempt = attempt.clone();
        self.run(|store| async move { store.forget_login_tries(&attempt).await }).await
    }

    async fn begin_session(&self, session: &NewSession) -> Result<bool, StoreError> {
        let session = session.clone();
        self.run(|store| async move { store.begin_session(&session).await }).await
    }

    async fn use_session(
        &self,
        digest: &SessionDigest,
        now: DateTime<Utc>,
        idle: TimeDelta,
    ) -> Result<Option<StaffSession>, StoreError> {
        let digest = *digest;
        self.run(|store| async move { store.use_session(&digest, now, idle).await }).await
    }

    async fn end_session(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run(|store| async move { store.end_session(&digest).await }).await
    }

    async fn take_work(&self, item: &WorkItem, user: &UserName, at: DateTime<Utc>) -> Result<(), StoreError> {
        let (item, user) = (item.clone(), user.clone());
        self.run(|store| async move { store.take_work(&item, &user, at).await }).await
    }

    async fn leave_work(&self, item: &WorkItem, user: &UserName) -> Result<bool, StoreError> {
        let (item, user) = (item.clone(), user.clone());
        self.run(|store| async move { store.leave_work(&item, &user).await }).await
    }

    async fn work_owners(&self) -> Result<BTreeMap<WorkItem, UserName>, StoreError> {
        self.run(|store| async move { store.work_owners().await }).await
    }
}
