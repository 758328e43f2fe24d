//! Pages for borrowers know no staff.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use dueherald::domain::{ManualChange, OidcSubject, SessionDigest, User, UserDisplay, UserGrant, UserName, WorkItem};
use dueherald::plan::{LoginTry, TryDecision};
use dueherald::store::{NewPassword, NewSession, StaffSession, StoreError, UserChange, UserRecord, UserStore};

use super::fake::FakeStore;

#[async_trait]
impl UserStore for FakeStore {
    async fn add_user(&self, _: &User, _: &ManualChange) -> Result<bool, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn user(&self, _: &UserName) -> Result<Option<UserRecord>, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn user_of_subject(&self, _: &OidcSubject) -> Result<Option<UserRecord>, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn change_password(&self, _: &NewPassword, _: &ManualChange) -> Result<UserChange, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn disable_user(&self, _: &UserName, _: &ManualChange) -> Result<UserChange, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn enable_user(&self, _: &UserName, _: &ManualChange) -> Result<UserChange, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn change_display(&self, _: &UserName, _: &UserDisplay, _: &ManualChange) -> Result<UserChange, StoreError> {
        unreachable!("no page changes people")
    }

    async fn change_grant(&self, _: &UserName, _: &UserGrant, _: &ManualChange) -> Result<UserChange, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn try_login(&self, _: &LoginTry, _: Option<&UserName>) -> Result<TryDecision, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn forget_login_tries(&self, _: &LoginTry) -> Result<(), StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn begin_session(&self, _: &NewSession) -> Result<bool, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn use_session(
        &self,
        _: &SessionDigest,
        _: DateTime<Utc>,
        _: TimeDelta,
    ) -> Result<Option<StaffSession>, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn end_session(&self, _: &SessionDigest) -> Result<bool, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn take_work(&self, _: &WorkItem, _: &UserName, _: DateTime<Utc>) -> Result<(), StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn leave_work(&self, _: &WorkItem, _: &UserName) -> Result<bool, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }

    async fn work_owners(&self) -> Result<BTreeMap<WorkItem, UserName>, StoreError> {
        unreachable!("no page for borrowers knows the staff")
    }
}
