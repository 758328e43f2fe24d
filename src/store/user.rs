//! The people of the staff, their sessions, and their tries to log in.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::StoreError;
use crate::domain::{
    CsrfSecret, DeviceKey, ManualChange, OidcSubject, PasswordHash, SessionDigest, User, UserDisplay, UserGrant,
    UserName, WorkItem,
};
use crate::plan::{LoginTry, TryDecision};

/// The last use of a session is recorded so coarsely, so that pages that are only read write nothing.
pub const SESSION_USE_GRAIN: TimeDelta = TimeDelta::minutes(1);

/// How long a name stays on work at most.
pub const WORK_KEPT: TimeDelta = TimeDelta::days(7);

/// Users, their sessions, and the work that they have taken.
#[async_trait]
pub trait UserStore: Debug + Send + Sync {
    /// Adds a user. `false`, and nothing is added, if another one has the name, or the subject at whatever issuer.
    async fn add_user(&self, user: &User, by: &ManualChange) -> Result<bool, StoreError>;

    /// All users by name, those that are disabled included.
    async fn users(&self) -> Result<Vec<UserRecord>, StoreError>;

    /// The user of a name.
    async fn user(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError>;

    /// The user of a subject of the OIDC provider.
    async fn user_of_subject(&self, subject: &OidcSubject) -> Result<Option<UserRecord>, StoreError>;

    /// Gives a user who logs in by a password another one, and ends the user's sessions.
    async fn change_password(&self, change: &NewPassword, by: &ManualChange) -> Result<UserChange, StoreError>;

    /// Disables a user, and ends the user's sessions. The last admin who is enabled stays.
    async fn disable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError>;

    /// Enables a user again.
    async fn enable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError>;

    /// Gives a user another role and other merchants.
    async fn change_grant(
        &self,
        name: &UserName,
        grant: &UserGrant,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError>;

    /// Gives a user another language and zone.
    async fn change_display(
        &self,
        name: &UserName,
        display: &UserDisplay,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError>;

    /// Counts a try to log in, before the password is compared: for each of its [subjects](LoginTry::subjects) as
    /// [`next_try`](crate::plan::next_try) has it, on the store's clock. Two at once count as two. Where `name` is a
    /// user's, the try also counts among the user's own since the last login.
    async fn try_login(&self, attempt: &LoginTry, name: Option<&UserName>) -> Result<TryDecision, StoreError>;

    /// Forgets the tries at a user: the password was right. The client is counted on, without this try.
    async fn forget_login_tries(&self, attempt: &LoginTry) -> Result<(), StoreError>;

    /// Begins a session, and ends the one that it replaces. `false`, and nothing changes, unless the user is enabled
    /// and has the device key that the caller knows: the password is still the one that was right.
    async fn begin_session(&self, session: &NewSession) -> Result<bool, StoreError>;

    /// The session of a digest with its user, unless its end has come, nobody used it for `idle`, or the user is
    /// disabled. Its use goes on record, once in [`SESSION_USE_GRAIN`].
    async fn use_session(
        &self,
        digest: &SessionDigest,
        now: DateTime<Utc>,
        idle: TimeDelta,
    ) -> Result<Option<StaffSession>, StoreError>;

    /// Ends a session. `false` if there is none.
    async fn end_session(&self, digest: &SessionDigest) -> Result<bool, StoreError>;

    /// Puts a user's name on work that waits, in the place of another's. What was taken [`WORK_KEPT`] ago is forgotten.
    async fn take_work(&self, item: &WorkItem, user: &UserName, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Takes the name off. `false` if the work has another name on it, or none.
    async fn leave_work(&self, item: &WorkItem, user: &UserName) -> Result<bool, StoreError>;

    /// The users who have taken work.
    async fn work_owners(&self) -> Result<BTreeMap<WorkItem, UserName>, StoreError>;
}

/// A user as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The user.
    pub user: User,
    /// When the user was added.
    pub created_at: DateTime<Utc>,
    /// When the user was disabled, while that holds.
    pub disabled_at: Option<DateTime<Utc>>,
    /// The last login.
    pub logged_in_at: Option<DateTime<Utc>>,
    /// The tries with a wrong password since then.
    pub failed_logins: u32,
}

/// A new password of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// The user.
    pub name: UserName,
    /// Its hash.
    pub password: PasswordHash,
    /// A new key, so that the devices known so far are strangers again.
    pub device_key: DeviceKey,
}

/// The result of a change to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChange {
    /// It was made.
    Made,
    /// Nobody has the name.
    UnknownUser,
    /// The user is like that already.
    Unchanged,
    /// The user is the last admin who is enabled.
    LastAdmin,
    /// The user logs in by OIDC, and has no password.
    NoPassword,
}

/// A session that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The digest of its id.
    pub digest: SessionDigest,
    /// The user.
    pub user: UserName,
    /// The user's device key when the password was compared.
    pub device_key: DeviceKey,
    /// The secret of its forms.
    pub csrf: CsrfSecret,
    /// When it begins.
    pub created_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub ends_at: DateTime<Utc>,
    /// The session that the same browser had before.
    pub replaces: Option<SessionDigest>,
}

/// A session in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffSession {
    /// The user.
    pub user: UserRecord,
    /// The secret of its forms.
    pub csrf: CsrfSecret,
    /// When it ends at the latest.
    pub ends_at: DateTime<Utc>,
    /// When it was last used before, to the minute.
    pub used_at: DateTime<Utc>,
}
