//! Users and sessions: the daemons of the simulation have no console.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use dueherald::domain::{ManualChange, OidcSubject, SessionDigest, User, UserDisplay, UserGrant, UserName, WorkItem};
use dueherald::plan::{LoginTry, TryDecision};
use dueherald::store::{NewPassword, NewSession, StaffSession, StoreError, UserChange, UserRecord, UserStore};

use crate::store::FaultyStore;

#[async_trait]
impl UserStore for FaultyStore {
    async fn add_user(&self, user: &User, by: &ManualChange) -> Result<bool, StoreError> {
        self.inner().add_user(user, by).await
    }

    async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        self.inner().users().await
    }

    async fn user(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError> {
        self.inner().user(name).await
    }

    async fn user_of_subject(&self, subject: &OidcSubject) -> Result<Option<UserRecord>, StoreError> {
        self.inner().user_of_subject(subject).await
    }

    async fn change_password(&self, change: &NewPassword, by: &ManualChange) -> Result<UserChange, StoreError> {
        self.inner().change_password(change, by).await
    }

    async fn disable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        self.inner().disable_user(name, by).await
    }

    async fn enable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        self.inner().enable_user(name, by).await
    }

    async fn change_display(
        &self,
        name: &UserName,
        display: &UserDisplay,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        self.inner().change_display(name, display, by).await
    }

    async fn change_grant(
        &self,
        name: &UserName,
        grant: &UserGrant,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        self.inner().change_grant(name, grant, by).await
    }

    async fn try_login(&self, attempt: &LoginTry, name: Option<&UserName>) -> Result<TryDecision, StoreError> {
        self.inner().try_login(attempt, name).await
    }

    async fn forget_login_tries(&self, attempt: &LoginTry) -> Result<(), StoreError> {
        self.inner().forget_login_tries(attempt).await
    }

    async fn begin_session(&self, session: &NewSession) -> Result<bool, StoreError> {
        self.inner().begin_session(session).await
    }

    async fn use_session(
        &self,
        digest: &SessionDigest,
        now: DateTime<Utc>,
        idle: TimeDelta,
    ) -> Result<Option<StaffSession>, StoreError> {
        self.inner().use_session(digest, now, idle).await
    }

    async fn end_session(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        self.inner().end_session(digest).await
    }

    async fn take_work(&self, item: &WorkItem, user: &UserName, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.inner().take_work(item, user, at).await
    }

    async fn leave_work(&self, item: &WorkItem, user: &UserName) -> Result<bool, StoreError> {
        self.inner().leave_work(item, user).await
    }

    async fn work_owners(&self) -> Result<BTreeMap<WorkItem, UserName>, StoreError> {
        self.inner().work_owners().await
    }
}
