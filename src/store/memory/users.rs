//! The people of the staff, their sessions, and their tries to log in, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::MemoryStore;
use crate::domain::{
    Credential, CsrfSecret, ManualChange, OidcSubject, SessionDigest, StaffRole, User, UserDisplay, UserGrant,
    UserName, WorkItem,
};
use crate::plan::{LoginTry, TryDecision};
use crate::store::audit_entries;
use crate::store::{
    NewPassword, NewSession, SESSION_USE_GRAIN, StaffSession, StoreError, UserChange, UserRecord, UserStore, WORK_KEPT,
};

/// The tables of the staff.
#[derive(Debug, Default, Clone)]
pub(super) struct UserTables {
    users: BTreeMap<UserName, UserRecord>,
    sessions: BTreeMap<SessionDigest, SessionEntry>,
    work: BTreeMap<WorkItem, (UserName, DateTime<Utc>)>,
}

#[derive(Debug, Clone)]
struct SessionEntry {
    user: UserName,
    csrf: CsrfSecret,
    used_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl UserTables {
    /// Whether nobody but this user is an admin who is enabled.
    fn is_last_admin(&self, name: &UserName) -> bool {
        let is_admin = |known: &&UserRecord| known.user.grant.role == StaffRole::Admin && known.disabled_at.is_none();
        let mut admins = self.users.values().filter(is_admin);
        admins.next().is_some_and(|only| only.user.name == *name) && admins.next().is_none()
    }

    fn end_sessions(&mut self, name: &UserName) {
        self.sessions.retain(|_, entry| entry.user != *name);
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn add_user(&self, user: &User, by: &ManualChange) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let users = &mut tables.staff.users;
        let has_subject = |known: &UserRecord| match (&known.user.credential, &user.credential) {
            (Credential::Subject(known), Credential::Subject(new)) => known.as_str() == new.as_str(),
            _ => false,
        };
        if users.contains_key(&user.name) || users.values().any(has_subject) {
            return Ok(false);
        }
        let record = UserRecord {
            user: user.clone(),
            created_at: by.at,
            disabled_at: None,
            logged_in_at: None,
            failed_logins: 0,
        };
        users.insert(user.name.clone(), record);
        tables.note(self.origin.as_ref(), &[audit_entries::add_user(user, by)]);
        Ok(true)
    }

    async fn users(&self) -> Result<Vec<UserRecord>, StoreError> {
        Ok(self.tables().staff.users.values().cloned().collect())
    }

    async fn user(&self, name: &UserName) -> Result<Option<UserRecord>, StoreError> {
        Ok(self.tables().staff.users.get(name).cloned())
    }

    async fn user_of_subject(&self, subject: &OidcSubject) -> Result<Option<UserRecord>, StoreError> {
        let has_subject =
            |known: &&UserRecord| matches!(&known.user.credential, Credential::Subject(known) if known == subject);
        Ok(self.tables().staff.users.values().find(has_subject).cloned())
    }

    async fn change_password(&self, change: &NewPassword, by: &ManualChange) -> Result<UserChange, StoreError> {
        let mut tables = self.tables();
        let staff = &mut tables.staff;
        let Some(known) = staff.users.get_mut(&change.name) else { return Ok(UserChange::UnknownUser) };
        let Credential::Password(password) = &mut known.user.credential else { return Ok(UserChange::NoPassword) };
        *password = change.password.clone();
        known.user.device_key = change.device_key.clone();
        known.failed_logins = 0;
        staff.end_sessions(&change.name);
        tables.note(self.origin.as_ref(), &[audit_entries::change_password(&change.name, by)]);
        Ok(UserChange::Made)
    }

    async fn disable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        let mut tables = self.tables();
        let staff = &mut tables.staff;
        let is_last_admin = staff.is_last_admin(name);
        let Some(known) = staff.users.get_mut(name) else { return Ok(UserChange::UnknownUser) };
        if known.disabled_at.is_some() {
            return Ok(UserChange::Unchanged);
        }
        if is_last_admin {
            return Ok(UserChange::LastAdmin);
        }
        known.disabled_at = Some(by.at);
        staff.end_sessions(name);
        tables.note(self.origin.as_ref(), &[audit_entries::disable_user(name, by)]);
        Ok(UserChange::Made)
    }

    async fn enable_user(&self, name: &UserName, by: &ManualChange) -> Result<UserChange, StoreError> {
        let mut tables = self.tables();
        let Some(known) = tables.staff.users.get_mut(name) else { return Ok(UserChange::UnknownUser) };
        if known.disabled_at.take().is_none() {
            return Ok(UserChange::Unchanged);
        }
        known.failed_logins = 0;
        tables.note(self.origin.as_ref(), &[audit_entries::enable_user(name, by)]);
        Ok(UserChange::Made)
    }

    async fn change_grant(
        &self,
        name: &UserName,
        grant: &UserGrant,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        let mut tables = self.tables();
        let staff = &mut tables.staff;
        let is_last_admin = staff.is_last_admin(name);
        let Some(known) = staff.users.get_mut(name) else { return Ok(UserChange::UnknownUser) };
        if known.user.grant == *grant {
            return Ok(UserChange::Unchanged);
        }
        if is_last_admin && grant.role != StaffRole::Admin {
            return Ok(UserChange::LastAdmin);
        }
        let before = std::mem::replace(&mut known.user.grant, grant.clone());
        tables.note(self.origin.as_ref(), &[audit_entries::change_grant(name, &before, grant, by)]);
        Ok(UserChange::Made)
    }

    async fn change_display(
        &self,
        name: &UserName,
        display: &UserDisplay,
        by: &ManualChange,
    ) -> Result<UserChange, StoreError> {
        let mut tables = self.tables();
        let Some(known) = tables.staff.users.get_mut(name) else { return Ok(UserChange::UnknownUser) };
        let before = known.user.display();
        if before == *display {
            return Ok(UserChange::Unchanged);
        }
        (known.user.locale, known.user.time_zone) = (display.locale.clone(), display.time_zone);
        tables.note(self.origin.as_ref(), &[audit_entries::change_display(name, &before, display, by)]);
        Ok(UserChange::Made)
    }

    async fn try_login(&self, attempt: &LoginTry, name: Option<&UserName>) -> Result<TryDecision, StoreError> {
        let mut tables = self.tables();
        let decision = tables.count_tries(attempt.subjects(), self.clock.now());
        if let (TryDecision::Counted { .. }, Some(name)) = (decision, name)
            && let Some(known) = tables.staff.users.get_mut(name)
        {
            known.failed_logins += 1;
        }
        Ok(decision)
    }

    async fn forget_login_tries(&self, attempt: &LoginTry) -> Result<(), StoreError> {
        self.tables().forget_subjects(attempt.subjects(), self.clock.now());
        Ok(())
    }

    async fn begin_session(&self, session: &NewSession) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let staff = &mut tables.staff;
        let is_the_same =
            |known: &&mut UserRecord| known.disabled_at.is_none() && known.user.device_key == session.device_key;
        let Some(known) = staff.users.get_mut(&session.user).filter(is_the_same) else { return Ok(false) };
        (known.logged_in_at, known.failed_logins) = (Some(session.created_at), 0);
        let logged_in = audit_entries::login(session, &known.user.credential);
        if let Some(replaced) = &session.replaces {
            staff.sessions.remove(replaced);
        }
        staff.sessions.retain(|_, entry| entry.ends_at > session.created_at);
        let entry = SessionEntry {
            user: session.user.clone(),
            csrf: session.csrf.clone(),
            used_at: session.created_at,
            ends_at: session.ends_at,
        };
        staff.sessions.insert(session.digest, entry);
        tables.note(self.origin.as_ref(), &[logged_in]);
        Ok(true)
    }

    async fn use_session(
        &self,
        digest: &SessionDigest,
        now: DateTime<Utc>,
        idle: TimeDelta,
    ) -> Result<Option<StaffSession>, StoreError> {
        let staff = &mut self.tables().staff;
        let lasts = |entry: &&mut SessionEntry| entry.ends_at > now && entry.used_at > now - idle;
        let Some(entry) = staff.sessions.get_mut(digest).filter(lasts) else { return Ok(None) };
        let user = staff.users.get(&entry.user).filter(|known| known.disabled_at.is_none());
        let Some(user) = user.cloned() else { return Ok(None) };
        let session = StaffSession { user, csrf: entry.csrf.clone(), ends_at: entry.ends_at, used_at: entry.used_at };
        if entry.used_at <= now - SESSION_USE_GRAIN {
            entry.used_at = now;
        }
        Ok(Some(session))
    }

    async fn end_session(&self, digest: &SessionDigest) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(ended) = tables.staff.sessions.remove(digest) else { return Ok(false) };
        tables.note(self.origin.as_ref(), &[audit_entries::logout(ended.user.as_str(), self.clock.now())]);
        Ok(true)
    }

    async fn take_work(&self, item: &WorkItem, user: &UserName, at: DateTime<Utc>) -> Result<(), StoreError> {
        let work = &mut self.tables().staff.work;
        work.retain(|_, (_, taken)| *taken > at - WORK_KEPT);
        work.insert(item.clone(), (user.clone(), at));
        Ok(())
    }

    async fn leave_work(&self, item: &WorkItem, user: &UserName) -> Result<bool, StoreError> {
        let work = &mut self.tables().staff.work;
        let is_theirs = work.get(item).is_some_and(|(owner, _)| owner == user);
        if is_theirs {
            work.remove(item);
        }
        Ok(is_theirs)
    }

    async fn work_owners(&self) -> Result<BTreeMap<WorkItem, UserName>, StoreError> {
        let tables = self.tables();
        Ok(tables.staff.work.iter().map(|(item, (user, _))| (item.clone(), user.clone())).collect())
    }
}
