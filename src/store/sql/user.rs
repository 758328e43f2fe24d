//! The tables `staff_user` and `staff_session`.

use sqlx::FromRow;

use super::borrower::read;
use super::value::Moment;
use crate::domain::{
    Credential, CsrfSecret, DeviceKey, Locale, MerchantId, OidcSubject, PasswordHash, User, UserGrant, UserName,
};
use crate::store::{StaffSession, StoreError, UserRecord};

/// The columns of [`UserRow`].
macro_rules! columns {
    () => {
        "u.name, u.role, u.merchants, u.locale, u.time_zone, u.password, u.subject, u.issuer, u.device_key, \
         u.created_at, u.disabled_at, u.logged_in_at, u.failed_logins"
    };
}

/// Adds a user, unless the name or the subject is taken. Binds: name, role, merchants, locale, time zone, password,
/// subject, issuer, device key, created at.
pub(in crate::store) const ADD: &str = "
    insert into staff_user (name, role, merchants, locale, time_zone, password, subject, issuer, device_key, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing";

/// All users.
pub(in crate::store) const USERS: &str = concat!("select ", columns!(), " from staff_user u order by u.name");

/// The user of a name. Binds: name.
pub(in crate::store) const USER: &str = concat!("select ", columns!(), " from staff_user u where u.name = $1");

/// The user of a subject. Binds: subject, issuer.
pub(in crate::store) const OF_SUBJECT: &str =
    concat!("select ", columns!(), " from staff_user u where u.subject = $1 and u.issuer = $2");

/// Sets a password. Binds: name, password, device key.
pub(in crate::store) const CHANGE_PASSWORD: &str =
    "update staff_user set password = $2, device_key = $3, failed_logins = 0 where name = $1 and password is not null";

/// Locks the admins who are enabled until the transaction ends, so that of two who are disabled at once one stays.
pub(in crate::store) const LOCK_ADMINS: &str =
    "update staff_user set role = role where role = 'admin' and disabled_at is null";

/// Whether there is an enabled admin besides. Binds: name.
pub(in crate::store) const OTHER_ADMIN: &str =
    "select name from staff_user where role = 'admin' and disabled_at is null and name <> $1 limit 1";

/// Disables a user. Binds: name, at.
pub(in crate::store) const DISABLE: &str =
    "update staff_user set disabled_at = $2 where name = $1 and disabled_at is null";

/// Enables a user. Binds: name.
pub(in crate::store) const ENABLE: &str =
    "update staff_user set disabled_at = null, failed_logins = 0 where name = $1 and disabled_at is not null";

/// Sets role and merchants. Binds: name, role, merchants.
pub(in crate::store) const CHANGE_GRANT: &str = "update staff_user set role = $2, merchants = $3 where name = $1";

/// Binds: name, locale, time zone.
pub(in crate::store) const CHANGE_DISPLAY: &str = "update staff_user set locale = $2, time_zone = $3 where name = $1";

/// Counts a try to log in. Binds: name.
pub(in crate::store) const COUNT_FAILURE: &str =
    "update staff_user set failed_logins = failed_logins + 1 where name = $1 and failed_logins < 1000000";

/// Records a login, and locks the user until the transaction ends; changes no row if the user may not log in, or the
/// password has changed. Binds: name, device key, now.
pub(in crate::store) const LOG_IN: &str = "
    update staff_user set logged_in_at = $3, failed_logins = 0
    where name = $1 and device_key = $2 and disabled_at is null";

/// Begins a session. Binds: digest, user, csrf, created at, ends at.
pub(in crate::store) const BEGIN_SESSION: &str = "
    insert into staff_session (digest, user_name, csrf, created_at, used_at, ends_at) values ($1, $2, $3, $4, $4, $5)";

/// The session of a digest, while it lasts. Binds: digest, now, the earliest last use that keeps it alive.
pub(in crate::store) const SESSION: &str = concat!(
    "select s.csrf, s.ends_at, s.used_at, ",
    columns!(),
    " from staff_session s join staff_user u on u.name = s.user_name
    where s.digest = $1 and s.ends_at > $2 and s.used_at > $3 and u.disabled_at is null"
);

/// Records a use, unless a later one is on record. Binds: digest, now, the latest use that is long ago.
pub(in crate::store) const NOTE_USE: &str = "update staff_session set used_at = $2 where digest = $1 and used_at <= $3";

/// Ends a session. Binds: digest.
pub(in crate::store) const END_SESSION: &str = "delete from staff_session where digest = $1";

/// Ends a session, and gives its user. Binds: digest.
pub(in crate::store) const LOG_OUT: &str = "delete from staff_session where digest = $1 returning user_name";

/// Ends the sessions of a user. Binds: name.
pub(in crate::store) const END_SESSIONS: &str = "delete from staff_session where user_name = $1";

/// Forgets sessions that have ended. Binds: now.
pub(in crate::store) const FORGET_ENDED: &str = "delete from staff_session where ends_at <= $1";

/// Puts a name on work. Binds: item, user, time.
pub(in crate::store) const TAKE_WORK: &str = "
    insert into staff_work (item, user_name, taken_at) values ($1, $2, $3)
    on conflict (item) do update set user_name = excluded.user_name, taken_at = excluded.taken_at";

/// Forgets work that was taken long ago. Binds: before when.
pub(in crate::store) const FORGET_WORK: &str = "delete from staff_work where taken_at <= $1";

/// Takes a name off work. Binds: item, user.
pub(in crate::store) const LEAVE_WORK: &str = "delete from staff_work where item = $1 and user_name = $2";

/// All names on work.
pub(in crate::store) const WORK: &str = "select item, user_name from staff_work";

#[derive(FromRow)]
pub(in crate::store) struct UserRow {
    name: String,
    role: String,
    merchants: String,
    locale: Option<String>,
    time_zone: Option<String>,
    password: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    device_key: Vec<u8>,
    created_at: Moment,
    disabled_at: Option<Moment>,
    logged_in_at: Option<Moment>,
    failed_logins: i32,
}

impl UserRow {
    pub(in crate::store) fn record(self) -> Result<UserRecord, StoreError> {
        const MERCHANTS: &str = "staff_user.merchants";
        let merchants: Vec<String> = read(&self.merchants, MERCHANTS, |text| serde_json::from_str(text))?;
        let merchants = merchants.iter().map(|id| read(id, MERCHANTS, str::parse)).collect::<Result<_, _>>()?;
        let credential = match (self.password, self.subject) {
            (Some(hash), None) => PasswordHash::read(&hash).map(Credential::Password),
            (None, Some(subject)) => {
                let issuer = self.issuer.unwrap_or_default();
                OidcSubject::new(&issuer, &subject).ok().map(Credential::Subject)
            }
            _ => None,
        };
        let user = User {
            name: read(&self.name, "staff_user.name", UserName::new)?,
            grant: UserGrant { role: read(&self.role, "staff_user.role", str::parse)?, merchants },
            locale: self.locale.map(|tag| read(&tag, "staff_user.locale", Locale::new)).transpose()?,
            time_zone: self.time_zone.map(|zone| read(&zone, "staff_user.time_zone", str::parse)).transpose()?,
            credential: credential.ok_or(StoreError::Corrupt { column: "staff_user.password" })?,
            device_key: DeviceKey(secret(self.device_key, "staff_user.device_key")?),
        };
        Ok(UserRecord {
            user,
            created_at: self.created_at.0,
            disabled_at: self.disabled_at.map(|at| at.0),
            logged_in_at: self.logged_in_at.map(|at| at.0),
            failed_logins: u32::try_from(self.failed_logins).unwrap_or_default(),
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct SessionRow {
    csrf: Vec<u8>,
    ends_at: Moment,
    used_at: Moment,
    #[sqlx(flatten)]
    user: UserRow,
}

impl SessionRow {
    pub(in crate::store) fn session(self) -> Result<StaffSession, StoreError> {
        Ok(StaffSession {
            user: self.user.record()?,
            csrf: CsrfSecret(secret(self.csrf, "staff_session.csrf")?),
            ends_at: self.ends_at.0,
            used_at: self.used_at.0,
        })
    }
}

fn secret(bytes: Vec<u8>, column: &'static str) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt { column })
}

/// The columns of a credential: password, subject, issuer.
pub(in crate::store) fn stored_credential(credential: &Credential) -> (Option<&str>, Option<&str>, Option<&str>) {
    match credential {
        Credential::Password(hash) => (Some(hash.reveal()), None, None),
        Credential::Subject(subject) => (None, Some(subject.as_str()), Some(subject.issuer())),
    }
}

/// The merchants of a grant as they are stored.
pub(in crate::store) fn stored_merchants(grant: &UserGrant) -> String {
    let merchants: Vec<_> = grant.merchants.iter().map(MerchantId::as_str).collect();
    serde_json::json!(merchants).to_string()
}
