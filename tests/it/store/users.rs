//! The people of the staff, their sessions, and their tries to log in.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Credential, CsrfSecret, DeviceKey, Locale, ManualChange, OidcSubject, PasswordHash, ReminderId, SessionDigest,
    StaffRole, User, UserDisplay, UserGrant, UserName, WorkItem,
};
use dueherald::plan::{LoginOrigin, LoginTry, TryDecision};
use dueherald::store::{NewPassword, NewSession, Store, UserChange, WORK_KEPT};

use super::sample::merchant;

const ISSUER: &str = "https://login.example";

const IDLE: TimeDelta = TimeDelta::minutes(30);

fn name(text: &str) -> UserName {
    UserName::new(text).expect("a name")
}

fn by(at: DateTime<Utc>) -> ManualChange {
    ManualChange { actor: "root".to_owned(), reason: "test".to_owned(), at }
}

pub(super) fn person(text: &str, role: StaffRole) -> User {
    User {
        name: name(text),
        grant: UserGrant { role, merchants: [merchant("mall"), merchant("harbour")].into() },
        locale: None,
        time_zone: None,
        credential: Credential::Password(PasswordHash::of_nobody()),
        device_key: DeviceKey([1; 32]),
    }
}

fn by_subject(text: &str, subject: &str) -> User {
    let credential = Credential::Subject(OidcSubject::new(ISSUER, subject).expect("a subject"));
    User { credential, ..person(text, StaffRole::Agent) }
}

async fn add(store: &dyn Store, user: &User, at: DateTime<Utc>) {
    assert!(store.add_user(user, &by(at)).await.expect("asked"), "{} is added", user.name);
}

pub(super) fn session(digest: u8, user: &str, at: DateTime<Utc>) -> NewSession {
    NewSession {
        digest: SessionDigest([digest; 32]),
        user: name(user),
        device_key: DeviceKey([1; 32]),
        csrf: CsrfSecret([digest; 32]),
        created_at: at,
        ends_at: at + TimeDelta::hours(10),
        replaces: None,
    }
}

async fn is_in(store: &dyn Store, digest: u8, at: DateTime<Utc>) -> bool {
    store.use_session(&SessionDigest([digest; 32]), at, IDLE).await.expect("asked").is_some()
}

pub(super) async fn a_user_comes_back_as_added(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    let locale = Some(Locale::new("zh-CN").expect("a locale"));
    let time_zone = Some(chrono_tz::Asia::Shanghai);
    let wang = User { locale, time_zone, ..person("王芳", StaffRole::Supervisor) };
    let li = by_subject("li", "00u1");
    add(store, &wang, now).await;
    add(store, &li, now).await;
    assert!(!store.add_user(&person("li", StaffRole::Admin), &by(now)).await.expect("asked"), "the name is taken");
    assert!(!store.add_user(&by_subject("zhao", "00u1"), &by(now)).await.expect("asked"), "the subject is taken");
    let known = store.user(&wang.name).await.expect("asked").expect("it is there");
    assert_eq!((known.user, known.created_at, known.disabled_at), (wang, now, None));
    let subject = |text: &str| OidcSubject::new(ISSUER, text).expect("a subject");
    let found = store.user_of_subject(&subject("00u1")).await.expect("asked");
    assert_eq!(found.map(|known| known.user), Some(li));
    assert_eq!(store.user_of_subject(&subject("00U1")).await.expect("asked"), None);
    let elsewhere = OidcSubject::new("https://login.other.example", "00u1").expect("a subject");
    assert_eq!(store.user_of_subject(&elsewhere).await.expect("asked"), None, "of another issuer");
    assert_eq!(store.user(&name("zhao")).await.expect("asked"), None);
    let listed: Vec<_> = store.users().await.expect("listed").into_iter().map(|known| known.user.name).collect();
    assert_eq!(listed, [name("li"), name("王芳")]);
}

pub(super) async fn the_last_admin_stays(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    for (text, role) in [("a", StaffRole::Admin), ("b", StaffRole::Admin), ("c", StaffRole::Agent)] {
        add(store, &person(text, role), now).await;
    }
    let disable = async |text: &str| store.disable_user(&name(text), &by(now)).await.expect("asked");
    assert_eq!(disable("nobody").await, UserChange::UnknownUser);
    assert_eq!(disable("a").await, UserChange::Made);
    assert_eq!(disable("a").await, UserChange::Unchanged);
    assert_eq!(disable("b").await, UserChange::LastAdmin);
    let agent = UserGrant { role: StaffRole::Agent, merchants: [merchant("mall")].into() };
    let change = async |text: &str| store.change_grant(&name(text), &agent, &by(now)).await.expect("asked");
    assert_eq!(change("b").await, UserChange::LastAdmin);
    assert_eq!(change("a").await, UserChange::Made, "who is disabled is no last one");
    assert_eq!(change("a").await, UserChange::Unchanged);
    assert_eq!(change("nobody").await, UserChange::UnknownUser);
    let enable = async |text: &str| store.enable_user(&name(text), &by(now)).await.expect("asked");
    assert_eq!(enable("nobody").await, UserChange::UnknownUser);
    assert_eq!(enable("a").await, UserChange::Made);
    assert_eq!(enable("a").await, UserChange::Unchanged);
    assert_eq!(disable("c").await, UserChange::Made);
    let states: Vec<_> = store.users().await.expect("listed").into_iter().map(|known| known.disabled_at).collect();
    assert_eq!(states, [None, None, Some(now)]);
}

pub(super) async fn of_two_admins_who_disable_each_other_one_stays(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    for text in ["a", "b"] {
        add(store, &person(text, StaffRole::Admin), now).await;
    }
    let (one, other) = (name("a"), name("b"));
    let by = by(now);
    let (one, other) = tokio::join!(store.disable_user(&one, &by), store.disable_user(&other, &by));
    let mut results = [one.expect("asked"), other.expect("asked")];
    results.sort_by_key(|result| *result == UserChange::LastAdmin);
    assert_eq!(results, [UserChange::Made, UserChange::LastAdmin]);
}

pub(super) async fn a_session_lasts_while_it_is_used(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    add(store, &person("li", StaffRole::Agent), now).await;
    assert!(store.begin_session(&session(1, "li", now)).await.expect("asked"));
    let at = |minutes| now + TimeDelta::minutes(minutes);
    let found = store.use_session(&SessionDigest([1; 32]), at(0), IDLE).await.expect("asked").expect("it is there");
    assert_eq!((found.user.user.name, found.csrf, found.ends_at), (name("li"), CsrfSecret([1; 32]), at(600)));
    assert_eq!(found.user.logged_in_at, Some(now));
    assert!(!is_in(store, 2, now).await, "another digest");
    assert!(is_in(store, 1, at(29)).await);
    assert!(is_in(store, 1, at(58)).await, "the use before keeps it alive");
    assert!(!is_in(store, 1, at(88)).await, "nobody used it for half an hour");
    assert!(is_in(store, 1, at(87)).await);
    for minutes in (100..600).step_by(20) {
        assert!(is_in(store, 1, at(minutes)).await, "after {minutes} minutes");
    }
    assert!(!is_in(store, 1, at(600)).await, "its end has come, however it is used");
    assert!(store.end_session(&SessionDigest([1; 32])).await.expect("ended"));
    assert!(!store.end_session(&SessionDigest([1; 32])).await.expect("asked"));
    assert!(!is_in(store, 1, at(590)).await);
}

pub(super) async fn a_use_of_a_session_is_recorded_once_a_minute(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    add(store, &person("li", StaffRole::Agent), now).await;
    store.begin_session(&session(1, "li", now)).await.expect("asked");
    for (seconds, recorded) in [(59, 0), (60, 0), (61, 60), (119, 60), (125, 60), (126, 125)] {
        let at = now + TimeDelta::seconds(seconds);
        let found = store.use_session(&SessionDigest([1; 32]), at, IDLE).await.expect("asked").expect("it lasts");
        assert_eq!(found.used_at, now + TimeDelta::seconds(recorded), "before {seconds} s");
    }
}

pub(super) async fn a_login_replaces_the_session_of_its_browser(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    add(store, &person("li", StaffRole::Agent), now).await;
    assert!(store.begin_session(&session(1, "li", now)).await.expect("asked"));
    let next = NewSession { replaces: Some(SessionDigest([1; 32])), ..session(2, "li", now) };
    assert!(store.begin_session(&next).await.expect("asked"));
    assert!(!is_in(store, 1, now).await);
    assert!(is_in(store, 2, now).await);
    assert!(!store.begin_session(&session(3, "nobody", now)).await.expect("asked"));
}

pub(super) async fn whoever_is_disabled_is_logged_out_everywhere(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    for text in ["li", "wang"] {
        add(store, &person(text, StaffRole::Agent), now).await;
    }
    for (digest, user) in [(1, "li"), (2, "li"), (3, "wang")] {
        assert!(store.begin_session(&session(digest, user, now)).await.expect("asked"));
    }
    assert_eq!(store.disable_user(&name("li"), &by(now)).await.expect("asked"), UserChange::Made);
    assert!(!is_in(store, 1, now).await && !is_in(store, 2, now).await);
    assert!(is_in(store, 3, now).await);
    assert!(!store.begin_session(&session(4, "li", now)).await.expect("asked"), "nor is anybody let in");
    store.enable_user(&name("li"), &by(now)).await.expect("asked");
    assert!(!is_in(store, 1, now).await, "what was ended stays so");
    assert!(store.begin_session(&session(4, "li", now)).await.expect("asked"));
}

pub(super) async fn a_new_password_ends_sessions_and_logins_under_way(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    add(store, &person("li", StaffRole::Agent), now).await;
    add(store, &by_subject("zhao", "00u1"), now).await;
    assert!(store.begin_session(&session(1, "li", now)).await.expect("asked"));
    let change = |text: &str| NewPassword {
        name: name(text),
        password: PasswordHash::of_nobody(),
        device_key: DeviceKey([2; 32]),
    };
    let changed = async |text: &str| store.change_password(&change(text), &by(now)).await.expect("asked");
    assert_eq!(changed("li").await, UserChange::Made);
    assert_eq!(changed("zhao").await, UserChange::NoPassword);
    assert_eq!(changed("nobody").await, UserChange::UnknownUser);
    assert!(!is_in(store, 1, now).await);
    let late = store.begin_session(&session(2, "li", now)).await.expect("asked");
    assert!(!late, "the old password was compared before the change");
    let new = NewSession { device_key: DeviceKey([2; 32]), ..session(3, "li", now) };
    assert!(store.begin_session(&new).await.expect("asked"));
}

fn attempt(origin: LoginOrigin) -> LoginTry {
    LoginTry { account: "li".to_owned(), origin }
}

pub(super) async fn wrong_passwords_lock_out_a_client_and_nobody_else(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    add(store, &person("li", StaffRole::Agent), now).await;
    let li = name("li");
    let client = |client: &str| attempt(LoginOrigin::Client(Some(client.to_owned())));
    let device = attempt(LoginOrigin::Device("laptop".to_owned()));
    let tried = async |attempt: &LoginTry| store.try_login(attempt, Some(&li)).await.expect("asked");
    for left in (0..5).rev() {
        assert_eq!(tried(&client("a")).await, TryDecision::Counted { left });
    }
    assert!(matches!(tried(&client("a")).await, TryDecision::Paused { .. }));
    assert_eq!(tried(&client("b")).await, TryDecision::Counted { left: 4 });
    assert!(matches!(tried(&device).await, TryDecision::Counted { .. }));
    let failed = async || store.user(&li).await.expect("asked").expect("there").failed_logins;
    assert_eq!(failed().await, 7, "those that were compared");
    clock.advance(Duration::from_secs(60));
    assert!(matches!(tried(&client("a")).await, TryDecision::Counted { .. }));
    store.forget_login_tries(&client("a")).await.expect("forgotten");
    store.begin_session(&session(1, "li", now)).await.expect("asked");
    assert_eq!(failed().await, 0);
    assert_eq!(tried(&client("a")).await, TryDecision::Counted { left: 4 });
}

pub(super) async fn work_has_the_name_of_who_took_it(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    let (unknown, reply) = (WorkItem::Unknown(ReminderId(17)), WorkItem::Reply(17));
    let take = async |item: &WorkItem, user: &str, at| store.take_work(item, &name(user), at).await.expect("taken");
    let owners = async || store.work_owners().await.expect("listed").into_iter().collect::<Vec<_>>();
    take(&unknown, "li", now).await;
    take(&reply, "li", now).await;
    take(&unknown, "wang", now).await;
    assert_eq!(owners().await, [(unknown.clone(), name("wang")), (reply.clone(), name("li"))]);
    assert!(!store.leave_work(&unknown, &name("li")).await.expect("asked"), "it is another's by now");
    assert!(store.leave_work(&unknown, &name("wang")).await.expect("left"));
    assert!(!store.leave_work(&unknown, &name("wang")).await.expect("asked"));
    take(&unknown, "wang", now + WORK_KEPT).await;
    assert_eq!(owners().await, [(unknown, name("wang"))], "what was taken long ago is forgotten");
}

pub(super) async fn a_user_sees_the_console_in_another_language_and_zone(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    for text in ["a", "b"] {
        add(store, &person(text, StaffRole::Agent), now).await;
    }
    let change = async |text: &str, locale: Option<&str>, time_zone| {
        let locale = locale.map(|tag| Locale::new(tag).expect("a tag"));
        let display = UserDisplay { locale, time_zone };
        store.change_display(&name(text), &display, &by(now)).await.expect("asked")
    };
    let displays = async || {
        let users = store.users().await.expect("listed").into_iter();
        users.map(|known| known.user.display()).map(|one| (one.locale, one.time_zone)).collect::<Vec<_>>()
    };
    let before = displays().await;
    assert_eq!(change("nobody", None, None).await, UserChange::UnknownUser);
    let zone = Some(chrono_tz::Asia::Shanghai);
    assert_eq!(change("a", Some("zh-TW"), zone).await, UserChange::Made);
    assert_eq!(change("a", Some("zh-TW"), zone).await, UserChange::Unchanged);
    let chinese = Locale::new("zh-TW").expect("a tag");
    assert_eq!(displays().await, [(Some(chinese), zone), before[1].clone()], "of nobody else");
    assert_eq!(change("a", None, None).await, UserChange::Made);
    assert_eq!(displays().await[0], (None, None));
}
