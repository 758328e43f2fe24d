//! The origin of a command for the audit log: the user of the operating system and the host. No option names them.

use std::fs;

use rustix::process::getuid;
use rustix::system::uname;

use crate::domain::AuditOrigin;

/// The origin of this process.
pub(super) fn command() -> AuditOrigin {
    let user = getuid().as_raw();
    let named = fs::read_to_string("/etc/passwd").ok().and_then(|users| name_of(&users, user));
    let host = uname().nodename().to_string_lossy().into_owned();
    AuditOrigin::command(&named.unwrap_or_else(|| format!("uid {user}")), &host)
}

/// The name of a user in the text of `/etc/passwd`.
fn name_of(users: &str, user: u32) -> Option<String> {
    let is_it = |line: &&str| line.split(':').nth(2).is_some_and(|number| number.parse() == Ok(user));
    users.lines().find(is_it)?.split(':').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_user_is_known_by_its_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nli.na:x:1000:1000::/home/li:/bin/sh\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("li.na"));
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 42), None);
    }
}
