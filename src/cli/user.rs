//! `dueherald user add|passwd|change|disable|enable|list`: who may log in to the console.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::secret_input::SecretInput;
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit, merchant};
use crate::clock::{Clock, entropy};
use crate::domain::{
    Credential, DeviceKey, Locale, ManualChange, Merchant, MerchantId, OidcSubject, Password, PasswordHash, StaffRole,
    User, UserDisplay, UserGrant, UserName,
};
use crate::pipeline::AuditNote;
use crate::plan::read_time_zone;
use crate::store::{NewPassword, Store, UserChange, UserRecord};

/// Manage the people who may log in to the console.
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user; asks for the password, or reads it from a pipe
    Add(AddUserArgs),
    /// Set a user's password, and end the user's sessions
    Passwd(NameArgs),
    /// Keep a user from logging in, and end the user's sessions
    Disable(NameArgs),
    /// Give a user another role, other merchants, another language or zone
    Change(ChangeUserArgs),
    /// Let a disabled user log in again
    Enable(NameArgs),
    /// List all users
    List {
        #[command(flatten)]
        format: ListFormat,
    },
}

#[derive(Debug, Args)]
struct AddUserArgs {
    /// Name to log in with, in any case
    name: UserName,
    /// Role: viewer, agent, supervisor or admin
    #[arg(long)]
    role: StaffRole,
    /// Merchant that the user works for; may be repeated
    #[arg(long, required = true)]
    merchant: Vec<MerchantId>,
    /// Language of the console, for example zh-CN [default: the browser's]
    #[arg(long, value_parser = |text: &str| Locale::new(text))]
    locale: Option<Locale>,
    /// Zone in which the console shows times, for example Asia/Shanghai [default: the merchant's]
    #[arg(long, value_parser = read_time_zone)]
    time_zone: Option<Tz>,
    /// Subject at the OIDC provider: the user logs in there, and has no password
    #[arg(long, value_name = "SUBJECT", requires = "issuer")]
    oidc: Option<String>,
    /// Provider of the subject, exactly as [console.oidc] issuer writes it
    #[arg(long, value_name = "URL", requires = "oidc")]
    issuer: Option<String>,
    #[command(flatten)]
    actor: ActorArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["role", "merchant", "locale", "time_zone"])))]
struct ChangeUserArgs {
    /// Name of the user
    name: UserName,
    /// The role from now on: viewer, agent, supervisor or admin
    #[arg(long)]
    role: Option<StaffRole>,
    /// Merchant that the user works for from now on, instead of those so far; may be repeated
    #[arg(long)]
    merchant: Vec<MerchantId>,
    /// Language of the console from now on; none for the browser's
    #[arg(long, value_name = "LOCALE|none", value_parser = read_locale)]
    locale: Option<Wish<Locale>>,
    /// Zone in which the console shows times from now on; none for the merchant's
    #[arg(long, value_name = "ZONE|none", value_parser = read_zone)]
    time_zone: Option<Wish<Tz>>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// A wish of a user, or none any more.
#[derive(Debug, Clone)]
struct Wish<T>(Option<T>);

fn read_locale(text: &str) -> Result<Wish<Locale>, String> {
    let locale = (text != "none").then(|| Locale::new(text)).transpose();
    locale.map(Wish).map_err(|error| error.to_string())
}

fn read_zone(text: &str) -> Result<Wish<Tz>, String> {
    let zone = (text != "none").then(|| read_time_zone(text)).transpose();
    zone.map(Wish).map_err(|error| error.to_string())
}

#[derive(Debug, Args)]
struct NameArgs {
    /// Name of the user
    name: UserName,
    #[command(flatten)]
    actor: ActorArgs,
}

#[derive(Debug, Args)]
struct ActorArgs {
    /// Person who makes the change (recorded) [default: the login of the system]
    #[arg(long)]
    actor: Option<String>,
}

impl ActorArgs {
    fn change(&self, what: &str, now: DateTime<Utc>) -> Result<ManualChange, CliError> {
        let login = || ["SUDO_USER", "LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok());
        let number = || format!("uid {}", rustix::process::getuid().as_raw());
        let actor = self.actor.clone().or_else(login).unwrap_or_else(number);
        let note = AuditNote::new(&actor, what);
        Ok(note.map_err(|_| CliError::Use("write --actor NAME: it is kept on record".to_owned()))?.at(now))
    }
}

/// Runs it.
pub(super) async fn run(
    args: UserArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    clock: &dyn Clock,
    input: &mut dyn SecretInput,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let now = clock.now();
    match args.command {
        UserCommand::Add(args) => add(args, store, merchants, now, input, out).await?,
        UserCommand::Passwd(NameArgs { name, actor }) => {
            let by = actor.change("user passwd", now)?;
            let known = store.user(&name).await?.ok_or_else(|| unknown(&name))?;
            if !matches!(known.user.credential, Credential::Password(_)) {
                return Err(refusal(UserChange::NoPassword, &name));
            }
            let change = NewPassword { password: new_password(input).await?, device_key: device_key()?, name };
            made(store.change_password(&change, &by).await?, &change.name)?;
            writeln!(out, "the password of {} is set; the user is logged out everywhere", change.name)?;
        }
        UserCommand::Change(args) => change(args, store, merchants, now, out).await?,
        UserCommand::Disable(NameArgs { name, actor }) => {
            let by = actor.change("user disable", now)?;
            made(store.disable_user(&name, &by).await?, &name)?;
            writeln!(out, "{name} is disabled, and logged out everywhere")?;
        }
        UserCommand::Enable(NameArgs { name, actor }) => {
            let by = actor.change("user enable", now)?;
            made(store.enable_user(&name, &by).await?, &name)?;
            writeln!(out, "{name} may log in again")?;
        }
        UserCommand::List { format } => {
            let rows: Vec<_> = store.users().await?.iter().map(ListedUser::of).collect();
            table::print(out, format, &format.times(merchants), &rows)?;
        }
    }
    Ok(Exit::Done)
}

async fn add(
    args: AddUserArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    input: &mut dyn SecretInput,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    merchant::check_all(merchants, &args.merchant)?;
    let by = args.actor.change("user add", now)?;
    let taken = |name: &UserName| {
        CliError::Failed(format!("there is a user {name} already, or one with that subject; see `dueherald user list`"))
    };
    // Nobody types a password in vain.
    if store.user(&args.name).await?.is_some() {
        return Err(taken(&args.name));
    }
    let credential = match args.oidc.zip(args.issuer) {
        Some((subject, issuer)) => {
            let subject = OidcSubject::new(&issuer, &subject);
            Credential::Subject(subject.map_err(|error| CliError::Use(format!("--oidc {error}")))?)
        }
        None => Credential::Password(new_password(input).await?),
    };
    let user = User {
        name: args.name,
        grant: UserGrant { role: args.role, merchants: args.merchant.into_iter().collect() },
        locale: args.locale,
        time_zone: args.time_zone,
        credential,
        device_key: device_key()?,
    };
    if !store.add_user(&user, &by).await? {
        return Err(taken(&user.name));
    }
    writeln!(out, "{} may log in to the console as {}", user.name, user.grant.role)?;
    Ok(())
}

async fn change(
    args: ChangeUserArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    merchant::check_all(merchants, &args.merchant)?;
    let by = args.actor.change("user change", now)?;
    let known = store.user(&args.name).await?.ok_or_else(|| unknown(&args.name))?.user;
    let grant = UserGrant {
        role: args.role.unwrap_or(known.grant.role),
        merchants: if args.merchant.is_empty() {
            known.grant.merchants.clone()
        } else {
            args.merchant.into_iter().collect()
        },
    };
    let shown = known.display();
    let display = UserDisplay {
        locale: args.locale.map_or(shown.locale.clone(), |wish| wish.0),
        time_zone: args.time_zone.map_or(shown.time_zone, |wish| wish.0),
    };
    if display == shown || grant != known.grant {
        made(store.change_grant(&args.name, &grant, &by).await?, &args.name)?;
        let names: Vec<_> = grant.merchants.iter().map(MerchantId::as_str).collect();
        writeln!(out, "{} is {} for {} from the next click on", args.name, grant.role, names.join(", "))?;
    }
    if display != shown {
        made(store.change_display(&args.name, &display, &by).await?, &args.name)?;
        let locale = display.locale.as_ref().map_or("the browser's language", Locale::as_str);
        let zone = display.time_zone.map_or("the merchant's zone", |zone| zone.name());
        writeln!(out, "{} sees the console in {locale}, with times in {zone}", args.name)?;
    }
    Ok(())
}

fn no_randomness() -> CliError {
    CliError::Failed("the operating system gave no randomness".to_owned())
}

fn device_key() -> Result<DeviceKey, CliError> {
    Ok(DeviceKey(entropy().map_err(|_| no_randomness())?))
}

/// Asks for a new password, and hashes it off the async threads.
async fn new_password(input: &mut dyn SecretInput) -> Result<PasswordHash, CliError> {
    let password = Password::new(&input.read("password", true)?).map_err(|error| CliError::Use(error.to_string()))?;
    let salt = entropy().map_err(|_| no_randomness())?;
    let hash = tokio::task::spawn_blocking(move || password.hash(salt)).await;
    hash.map_err(|_| CliError::Failed("the password could not be hashed; try again".to_owned()))
}

fn unknown(name: &UserName) -> CliError {
    CliError::Failed(format!("there is no user {name}; `dueherald user list` lists them"))
}

fn made(change: UserChange, name: &UserName) -> Result<(), CliError> {
    if change == UserChange::Made { Ok(()) } else { Err(refusal(change, name)) }
}

fn refusal(change: UserChange, name: &UserName) -> CliError {
    CliError::Failed(match change {
        UserChange::UnknownUser => return unknown(name),
        UserChange::LastAdmin => {
            format!("{name} is the last admin who may log in; add or enable another admin first")
        }
        UserChange::NoPassword => format!("{name} logs in by OIDC, and has no password here"),
        UserChange::Unchanged | UserChange::Made => format!("{name} is like that already"),
    })
}

/// A user as listed, without secrets.
#[derive(Debug, Serialize)]
struct ListedUser {
    name: String,
    role: &'static str,
    state: &'static str,
    login: &'static str,
    /// The OIDC provider where the user logs in.
    issuer: Option<String>,
    merchants: BTreeSet<MerchantId>,
    locale: Option<String>,
    time_zone: Option<&'static str>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    logged_in_at: Option<DateTime<Utc>>,
    failed_logins: u32,
}

impl ListedUser {
    fn of(record: &UserRecord) -> Self {
        let user = &record.user;
        Self {
            name: user.name.to_string(),
            role: user.grant.role.as_str(),
            state: if record.disabled_at.is_some() { "disabled" } else { "enabled" },
            login: match user.credential {
                Credential::Password(_) => "password",
                Credential::Subject(_) => "oidc",
            },
            issuer: match &user.credential {
                Credential::Password(_) => None,
                Credential::Subject(subject) => Some(subject.issuer().to_owned()),
            },
            merchants: user.grant.merchants.clone(),
            locale: user.locale.as_ref().map(ToString::to_string),
            time_zone: user.time_zone.map(|zone| zone.name()),
            created_at: record.created_at,
            disabled_at: record.disabled_at,
            logged_in_at: record.logged_in_at,
            failed_logins: record.failed_logins,
        }
    }
}

impl Row for ListedUser {
    const TITLES: &'static [&'static str] = &["NAME", "ROLE", "STATE", "BY", "MERCHANTS", "LAST LOGIN", "FAILED"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        let merchants: Vec<_> = self.merchants.iter().map(MerchantId::as_str).collect();
        vec![
            self.name.clone(),
            self.role.to_owned(),
            self.state.to_owned(),
            self.login.to_owned(),
            merchants.join(" "),
            times.maybe(None, self.logged_in_at),
            self.failed_logins.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use clap::Parser;
    use rstest::rstest;
    use secrecy::zeroize::Zeroizing;

    use super::{SecretInput, UserArgs, run};
    use crate::cli::CliError;
    use crate::clock::SimClock;
    use crate::domain::{Credential, Locale, Password, UserName};
    use crate::render::sample_merchant;
    use crate::store::{MemoryStore, UserStore};

    #[derive(Parser)]
    struct UserText {
        #[command(flatten)]
        args: UserArgs,
    }

    /// The passwords that somebody types, one after the other.
    struct Typist(VecDeque<&'static str>);

    impl SecretInput for Typist {
        fn read(&mut self, _: &str, _: bool) -> Result<Zeroizing<String>, CliError> {
            Ok(Zeroizing::new(self.0.pop_front().expect("nobody is asked once more").to_owned()))
        }
    }

    struct Bench {
        store: MemoryStore,
        clock: SimClock,
    }

    impl Bench {
        fn new() -> Self {
            let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
            Self { store: MemoryStore::new(Arc::new(clock.clone())), clock }
        }

        async fn run(&self, line: &str, typed: &[&'static str]) -> Result<String, String> {
            let merchant = sample_merchant(&Locale::new("en").expect("a locale"));
            let line = line.replace("MERCHANT", merchant.id.as_str());
            let merchants = [(merchant.id.clone(), merchant)].into();
            let parsed = UserText::try_parse_from(std::iter::once("user").chain(line.split(' ')));
            let args = parsed.map_err(|error| error.to_string())?.args;
            let (mut out, mut input) = (Vec::new(), Typist(typed.iter().copied().collect()));
            let done = run(args, &self.store, &merchants, &self.clock, &mut input, &mut out).await;
            done.map_err(|error| error.to_string())?;
            assert!(input.0.is_empty(), "every password is read");
            Ok(String::from_utf8(out).expect("it is text"))
        }

        async fn password_matches(&self, name: &str, text: &str) -> bool {
            let known = self.store.user(&UserName::new(name).expect("a name")).await.expect("asked").expect("there");
            match known.user.credential {
                Credential::Password(hash) => hash.matches(&Password::entered(text).expect("short")),
                Credential::Subject(_) => false,
            }
        }
    }

    const ADMIN: &str =
        "add Li.Na --role admin --merchant MERCHANT --locale zh-CN --time-zone Asia/Shanghai --actor root";
    const FIRST: &str = "correct horse battery";
    const SECOND: &str = "another long password";

    #[tokio::test]
    async fn a_user_is_added_listed_and_changed() {
        let bench = Bench::new();
        let added = bench.run(ADMIN, &[FIRST]).await;
        assert_eq!(added.as_deref(), Ok("li.na may log in to the console as admin\n"));
        assert!(bench.password_matches("li.na", FIRST).await);
        let changed = bench.run("passwd li.na --actor root", &[SECOND]).await;
        assert_eq!(changed.as_deref(), Ok("the password of li.na is set; the user is logged out everywhere\n"));
        assert!(bench.password_matches("li.na", SECOND).await && !bench.password_matches("li.na", FIRST).await);
        bench
            .run(
                "add wang --role agent --merchant MERCHANT --oidc 00u1 --issuer https://login.example --actor root",
                &[],
            )
            .await
            .expect("added");
        let changed = bench.run("change wang --role supervisor --actor root", &[]).await;
        assert_eq!(changed.as_deref(), Ok("wang is supervisor for example from the next click on\n"));
        for (line, expected) in [
            ("--locale en --time-zone UTC", "wang sees the console in en, with times in UTC\n"),
            ("--time-zone none", "wang sees the console in en, with times in the merchant's zone\n"),
            ("--locale none", "wang sees the console in the browser's language, with times in the merchant's zone\n"),
            (
                "--role agent --locale zh-TW",
                "wang is agent for example from the next click on\nwang sees the console in zh-TW, with times in the \
                 merchant's zone\n",
            ),
        ] {
            let changed = bench.run(&format!("change wang {line} --actor root"), &[]).await;
            assert_eq!(changed.as_deref(), Ok(expected), "{line}");
        }
        bench.run("disable wang --actor root", &[]).await.expect("disabled");
        let listed = bench.run("list --format json", &[]).await.expect("listed");
        for part in [
            "\"issuer\": \"https://login.example\"",
            "\"time_zone\": \"Asia/Shanghai\"",
            "\"locale\": \"zh-CN\"",
            "\"state\": \"disabled\"",
        ] {
            assert!(listed.contains(part), "{part}: {listed}");
        }
        assert!(!listed.contains("argon2") && !listed.contains("00u1"), "{listed}");
        assert_eq!(bench.run("enable wang --actor root", &[]).await.as_deref(), Ok("wang may log in again\n"));
    }

    #[rstest]
    #[case::the_same_name(ADMIN, &[], "there is a user li.na already")]
    #[case::short("add wang --role agent --merchant MERCHANT --actor root", &["elevenchars"],
        "the password is shorter than 12 characters; choose a longer one")]
    #[case::of_no_merchant("add wang --role agent --actor root", &[], "--merchant <MERCHANT>")]
    #[case::of_an_unknown_merchant("add wang --role agent --merchant mal --actor root", &[], "unknown merchant mal;")]
    #[case::of_an_unknown_role("add wang --role boss --merchant MERCHANT", &[], "is not one of viewer agent")]
    #[case::of_an_odd_name("add wa/ng --role agent --merchant MERCHANT", &[], "is no name of 1 to 50 letters")]
    #[case::in_an_odd_zone("add wang --role agent --merchant MERCHANT --time-zone Mars", &[], "Mars")]
    #[case::by_nobody("add wang --role agent --merchant MERCHANT --oidc 1 --issuer i --actor \u{7}", &[],
        "write --actor NAME")]
    #[case::of_no_provider("add wang --role agent --merchant MERCHANT --oidc 1 --actor root", &[], "--issuer <URL>")]
    #[case::the_last_admin("disable li.na --actor root", &[], "li.na is the last admin who may log in")]
    #[case::the_last_admin_as_agent("change li.na --role agent --actor root", &[], "li.na is the last admin")]
    #[case::nothing_to_change("change li.na --role admin --actor root", &[], "li.na is like that already")]
    #[case::no_change("change li.na --actor root", &[], "--role")]
    #[case::the_same_zone("change li.na --time-zone Asia/Shanghai --actor root", &[], "li.na is like that already")]
    #[case::another_zone_that_is_none("change li.na --time-zone Mars --actor root", &[], "Mars")]
    #[case::a_language_that_is_none("change li.na --locale 1 --actor root", &[], "--locale")]
    #[case::not_there("disable wang --actor root", &[], "there is no user wang; `dueherald user list` lists them")]
    #[case::a_password_of_nobody("passwd wang --actor root", &[], "there is no user wang")]
    #[case::enabled("enable li.na --actor root", &[], "li.na is like that already")]
    #[tokio::test]
    async fn a_change_that_is_not_made_says_why(
        #[case] line: &str,
        #[case] typed: &[&'static str],
        #[case] expected: &str,
    ) {
        let bench = Bench::new();
        bench.run(ADMIN, &[FIRST]).await.expect("added");
        let refused = bench.run(line, typed).await.expect_err("nothing is changed");
        assert!(refused.contains(expected), "{refused}");
        let users = bench.store.users().await.expect("listed");
        assert!(users.len() == 1 && users[0].disabled_at.is_none() && bench.password_matches("li.na", FIRST).await);
    }
}
