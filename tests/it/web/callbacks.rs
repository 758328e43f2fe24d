//! `/callbacks/{gateway}/{secret}`, as a provider sees it.

mod fuzz;
mod replays;
mod teller;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{Code, Intent, Next, Outcome, ReminderId, ReportedState, State, SuppressionReason};
use dueherald::gateway::{CallbackAddress, Gateway, LookUp};
use dueherald::http::MAX_BODY;
use dueherald::http::callbacks::{Inbox, router};
use dueherald::http::public::router as pages;
use dueherald::pipeline::{Intake, KEPT_FOR};
use dueherald::plan::{Decision, SendPlan};
use dueherald::store::{
    ClaimRequest, LedgerStore, MemoryStore, OutboxStore, ReminderFilter, ReminderStore, ReplyFilter, ReplyStore,
    ReportStore, Store, SuppressionFilter, SuppressionStore, WriteMode,
};
use rstest::rstest;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use self::teller::Teller;
use super::fake::{FakeStore, Health, World, instant};
use super::{Answer, answered};
use crate::fixtures::{composer, installment, reminder, row};

const SECRET: &str = "s3cret-s3cret-s3cret-s3cret";
const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

struct Bench {
    clock: SimClock,
    store: Arc<MemoryStore>,
    gateway: Arc<Teller>,
    intake: Intake,
    /// Taken over by the gateway as `m-1`.
    id: ReminderId,
}

impl Bench {
    async fn of(gateway: Teller) -> Self {
        let clock = SimClock::at(instant(TEN));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let gateway = Arc::new(gateway);
        let intake = intake(store.clone(), &gateway, &clock);
        let id = accepted(&store, "b-1", "m-1").await;
        Self { clock, store, gateway, intake, id }
    }

    async fn new() -> Self {
        Self::of(Teller::new()).await
    }

    fn router(&self) -> Router {
        served(&self.intake, &self.gateway)
    }

    fn reference(&self) -> String {
        self.intake.composer.reference(self.id)
    }

    async fn tell(&self, body: &str) -> Answer {
        post(self.router(), &format!("/callbacks/teller/{SECRET}"), body).await
    }

    async fn state(&self) -> State {
        let filter = ReminderFilter { id: Some(self.id), limit: 1, ..ReminderFilter::default() };
        self.store.reminders(&filter).await.expect("listed").remove(0).state
    }

    async fn suppressed(&self) -> Vec<SuppressionReason> {
        let filter = SuppressionFilter { limit: 9, ..SuppressionFilter::default() };
        self.store.suppressions(&filter).await.expect("listed").iter().map(|one| one.reason).collect()
    }
}

fn intake(store: Arc<dyn Store>, gateway: &Arc<Teller>, clock: &SimClock) -> Intake {
    let gateways = [(gateway.name().clone(), Arc::<Teller>::clone(gateway) as Arc<dyn Gateway>)].into();
    Intake { store, policy: Arc::default(), composer: composer(), gateways, clock: Arc::new(clock.clone()) }
}

/// As the daemon serves it: beside the pages.
fn served(intake: &Intake, gateway: &Arc<Teller>) -> Router {
    let address = CallbackAddress::new("https://pay.mall.example", gateway.name(), &SECRET.to_owned().into());
    let inbox = Inbox::empty(intake.clone()).with(Arc::<Teller>::clone(gateway), address, SECRET);
    let public = World::new().public();
    let callbacks = router(inbox, &public.limits);
    pages(public).merge(callbacks)
}

/// A reminder whose message the gateway took over under this number.
async fn accepted(store: &MemoryStore, borrower: &str, number: &str) -> ReminderId {
    let owed = installment(&format!("i-{borrower}"), borrower, DUE);
    store.import(&[row(&owed)], WriteMode::Commit).await.expect("imported");
    let plan = reminder(borrower, DUE, "due/-3", TEN);
    let id = store.plan(&[plan], instant(TEN), WriteMode::Commit).await.expect("planned")[0];
    let request = ClaimRequest {
        channel: dueherald::domain::Channel::Sms,
        gateway_index: 0,
        gateway: "teller".parse().expect("a name"),
        limit: 1,
        lease: TimeDelta::seconds(60),
        rate: None,
        fence: None,
        recent_contacts: None,
    };
    let send = |_: &_, account: &dueherald::plan::Account, now: chrono::DateTime<chrono::Utc>| {
        Decision::Send(SendPlan {
            to: teller::phone(),
            installments: account.installments.clone(),
            locale: "zh-CN".parse().expect("a locale"),
            today: now.date_naive(),
            template: None,
            no_other_template: false,
            discreet: false,
            required: dueherald::domain::RequiredTexts::default(),
            second_route: None,
            until: now + TimeDelta::hours(1),
        })
    };
    let claimed = store.claim(&request, &send).await.expect("claimed").sending.remove(0);
    let outcome = Outcome::Accepted { provider_id: Some(number.to_owned()) };
    let settlement = claimed.attempt.settle(outcome, Next::Accepted, instant(TEN));
    assert_eq!(store.settle(&[settlement]).await.expect("settled"), 1);
    id
}

async fn post(router: Router, path: &str, body: &str) -> Answer {
    let request = Request::builder().method(Method::POST).uri(path).header("x-signature", "sound");
    answered(router, request.header("host", "evil.example").body(Body::from(body.to_owned())).expect("a request")).await
}

#[tokio::test]
async fn what_is_reported_is_stored_before_it_is_answered() {
    let bench = Bench::new().await;
    let answer = bench.tell("undelivered m-1").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(answer.body, r#"{"code":0}"#);
    assert_eq!(bench.state().await, State::Undelivered);
    let body = format!("delivered ={}\ndelivered m-1\ngone ={}x", bench.reference(), bench.reference());
    assert_eq!(bench.tell(&body).await.status, StatusCode::OK);
    assert_eq!(bench.state().await, State::Delivered);
    assert!(bench.suppressed().await.is_empty(), "a reference that is none of ours counts for nothing");
}

#[tokio::test]
async fn a_get_is_a_callback_too() {
    let bench = Bench::new().await;
    let path = format!("/callbacks/teller/{SECRET}?delivered+m-1");
    let request = Request::builder().uri(path).header("x-signature", "sound").body(Body::empty());
    assert_eq!(answered(bench.router(), request.expect("a request")).await.status, StatusCode::OK);
    assert_eq!(bench.state().await, State::Delivered);
}

#[tokio::test]
async fn who_does_not_know_the_secret_sees_what_is_everywhere() {
    let bench = Bench::new().await;
    let nowhere = post(bench.router(), "/nowhere", "").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    let paths = [
        format!("/callbacks/teller/{SECRET}x"),
        format!("/callbacks/teller/{}", &SECRET[1..]),
        "/callbacks/teller/".to_owned(),
        "/callbacks/teller/%ff".to_owned(),
        "/callbacks/teller".to_owned(),
        format!("/callbacks/other/{SECRET}"),
        format!("/callbacks/teller/{SECRET}/more"),
    ];
    for path in paths {
        let answer = post(bench.router(), &path, "delivered m-1").await;
        assert_eq!(
            (answer.status, &answer.headers, &answer.body),
            (nowhere.status, &nowhere.headers, &nowhere.body),
            "{path}"
        );
    }
    let request = Request::builder().method(Method::PUT).uri(format!("/callbacks/teller/{SECRET}"));
    let answer = answered(bench.router(), request.body(Body::from("delivered m-1")).expect("a request")).await;
    assert_eq!((answer.status, answer.body), (nowhere.status, nowhere.body));
    assert_eq!(bench.state().await, State::Accepted);
}

#[tokio::test]
async fn who_guesses_secrets_is_limited_and_who_knows_the_right_one_never_is() {
    let bench = Bench::new().await;
    let router = bench.router();
    let from = async |path: String| {
        let request = Request::post(path).header("x-signature", "sound");
        let mut request = request.body(Body::from("delivered m-1")).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
        answered(router.clone(), request).await.status
    };
    for guess in 0..100 {
        let expected = if guess < 60 { StatusCode::NOT_FOUND } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(from(format!("/callbacks/teller/{guess}")).await, expected, "guess {guess}");
    }
    for _ in 0..100 {
        assert_eq!(from(format!("/callbacks/teller/{SECRET}")).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_gateway_reports_about_its_own_messages_only() {
    let bench = Bench::new().await;
    let rival = Arc::new(Teller::named("rival"));
    let secret = "another-secret-of-a-rival";
    let address = CallbackAddress::new("https://pay.mall.example", rival.name(), &secret.to_owned().into());
    let inbox = Inbox::empty(bench.intake.clone()).with(rival, address, secret);
    let doors = router(inbox, &World::new().public().limits);
    let report = format!("gone ={}\ngone m-1", bench.reference());
    let answer = post(doors, &format!("/callbacks/rival/{secret}"), &report).await;
    assert_eq!((answer.status, bench.state().await), (StatusCode::OK, State::Accepted));
    assert!(bench.suppressed().await.is_empty(), "nobody is suppressed on a stranger's word");
    assert_eq!(bench.tell(&report).await.status, StatusCode::OK);
    assert_eq!(bench.state().await, State::Undelivered, "the gateway that carried it may say so");
}

#[tokio::test]
async fn the_secret_before_is_accepted_while_a_provider_changes_over() {
    let bench = Bench::new().await;
    let old = "the-secret-before-that-is-replaced";
    let address = |secret: &str| {
        CallbackAddress::new("https://pay.mall.example", bench.gateway.name(), &secret.to_owned().into())
    };
    let gateway = || Arc::<Teller>::clone(&bench.gateway);
    let doors = Inbox::empty(bench.intake.clone()).with(gateway(), address(SECRET), SECRET);
    let doors = doors.with(gateway(), address(old), old);
    for (secret, expected) in [(old, StatusCode::OK), (SECRET, StatusCode::OK), ("neither", StatusCode::NOT_FOUND)] {
        let path = format!("/callbacks/teller/{secret}");
        assert_eq!(
            post(router(doors.clone(), &World::new().public().limits), &path, "undelivered m-1").await.status,
            expected,
            "{secret}"
        );
        let is_signed_over_it = bench.gateway.urls().last() == Some(&format!("https://pay.mall.example{path}"));
        assert_eq!(is_signed_over_it, expected == StatusCode::OK);
    }
}

#[tokio::test]
async fn a_signature_is_verified_over_the_address_of_the_config() {
    let bench = Bench::new().await;
    let path = format!("/callbacks/teller/{SECRET}?a=%20b");
    assert_eq!(post(bench.router(), &path, "delivered m-1").await.status, StatusCode::OK);
    assert_eq!(bench.gateway.urls(), [format!("https://pay.mall.example{path}")]);
    let unsigned = Request::builder().method(Method::POST).uri(path).body(Body::from("gone m-1"));
    assert_eq!(answered(bench.router(), unsigned.expect("a request")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.state().await, State::Delivered);
    assert!(bench.suppressed().await.is_empty());
}

#[tokio::test]
async fn what_is_no_callback_is_refused_as_a_whole() {
    let bench = Bench::new().await;
    assert_eq!(bench.tell("delivered m-1\nnonsense").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.tell(&" ".repeat(MAX_BODY + 1)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(bench.tell(&" ".repeat(MAX_BODY)).await.status, StatusCode::OK, "as large as it may be");
    assert_eq!(bench.state().await, State::Accepted);
}

#[rstest]
#[case::failing(Health::Failing)]
#[case::silent(Health::Silent)]
#[tokio::test]
async fn what_cannot_be_stored_is_to_come_again(#[case] health: Health) {
    let clock = SimClock::at(instant(TEN));
    let gateway = Arc::new(Teller::new());
    let intake = intake(Arc::new(FakeStore { health, ..World::new().store }), &gateway, &clock);
    let path = format!("/callbacks/teller/{SECRET}");
    let mut asking = std::pin::pin!(post(served(&intake, &gateway), &path, "delivered m-1"));
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut asking => break answer,
            () = tokio::task::yield_now() => clock.advance(Duration::from_secs(1)),
        }
    };
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "60"));
    assert_eq!(answer.body, "");
}

#[tokio::test]
async fn a_report_that_was_quicker_than_its_message_is_matched_later() {
    let bench = Bench::new().await;
    bench.tell("delivered m-2").await;
    let early = Bench { id: accepted(&bench.store, "b-2", "m-2").await, ..bench };
    assert_eq!(early.intake.review().await.expect("reviewed"), 0, "a moment is left for the answer");
    early.clock.advance(Duration::from_secs(5));
    assert_eq!(early.intake.review().await.expect("reviewed"), 1);
    assert_eq!(early.state().await, State::Delivered);
}

#[tokio::test]
async fn what_never_finds_its_message_is_dropped_after_a_month() {
    let bench = Bench::new().await;
    bench.tell("gone m-404").await;
    let mut looks = 0;
    let end = instant(TEN) + KEPT_FOR + TimeDelta::days(31);
    while dueherald::clock::Clock::now(&bench.clock) < end {
        bench.clock.advance(Duration::from_secs(3_600));
        looks += bench.store.kept_reports(9).await.expect("listed").len();
        bench.intake.review().await.expect("reviewed");
    }
    assert!((5..30).contains(&looks), "looked at ever more seldom: {looks}");
    assert!(bench.suppressed().await.is_empty());
}

fn found(fate: Option<ReportedState>) -> LookUp {
    LookUp::Accepted { provider_id: None, fate }
}

fn undelivered(for_good: bool) -> ReportedState {
    ReportedState::Undelivered { code: Some(Code::new("busy")), for_good }
}

#[rstest]
#[case::the_same(found(Some(undelivered(true))), State::Undelivered, true)]
#[case::less(found(Some(undelivered(false))), State::Undelivered, false)]
#[case::the_opposite(found(Some(ReportedState::Delivered)), State::Delivered, false)]
#[case::not_known_yet(found(None), State::Accepted, false)]
#[case::unclear(LookUp::Unclear, State::Accepted, false)]
#[case::never_had_it(LookUp::NotSent, State::Accepted, false)]
#[tokio::test]
async fn an_unproven_report_counts_for_what_the_gateway_says_of_it(
    #[case] says: LookUp,
    #[case] state: State,
    #[case] is_suppressed: bool,
) {
    let bench = Bench::of(Teller::asked(says).unproven()).await;
    assert_eq!(bench.tell("gone m-1").await.status, StatusCode::OK);
    assert_eq!(bench.state().await, State::Accepted, "the gateway is asked first");
    bench.intake.review().await.expect("reviewed");
    assert_eq!(bench.state().await, state);
    assert_eq!(bench.suppressed().await, if is_suppressed { vec![SuppressionReason::Bounced] } else { Vec::new() });
    assert_eq!(bench.gateway.inquiries(), ["m-1"]);
}

#[tokio::test]
async fn an_unproven_report_counts_where_nobody_can_be_asked() {
    let bench = Bench::of(Teller::new().unproven()).await;
    bench.tell("gone m-1").await;
    assert_eq!(bench.state().await, State::Undelivered);
}

#[tokio::test]
async fn a_person_says_stop_and_start() {
    let bench = Bench::new().await;
    bench.tell("reply r-1 【示例商城】td").await;
    assert_eq!(bench.suppressed().await, [SuppressionReason::OptedOut]);
    bench.clock.advance(Duration::from_secs(60));
    bench.tell("reply r-2 恢复").await;
    assert!(bench.suppressed().await.is_empty());
    bench.tell("reply r-1 【示例商城】td").await;
    assert!(bench.suppressed().await.is_empty(), "it came before");
    bench.tell("reply r-3 昨天\u{0}已经还了").await;
    let filter = ReplyFilter { intent: Some(Intent::Other), limit: 9, ..ReplyFilter::default() };
    let kept = bench.store.replies(&filter).await.expect("listed");
    assert_eq!(kept.iter().map(|one| one.said.as_str()).collect::<Vec<_>>(), ["昨天 已经还了"]);
    assert_eq!(kept[0].reminder, Some(bench.id));
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_of_a_callback_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone());
    let listening = subscriber.finish().set_default();
    tracing::trace!("captured from here on");
    let bench = Bench::new().await;
    for body in ["reply r-1 words", "nonsense words", "gone m-1"] {
        bench.tell(body).await;
    }
    let failing =
        intake(Arc::new(FakeStore { health: Health::Failing, ..World::new().store }), &bench.gateway, &bench.clock);
    let path = format!("/callbacks/teller/{SECRET}");
    post(served(&failing, &bench.gateway), &path, "reply r-2 words").await;
    drop(listening);
    let seen = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    assert!(seen.contains("captured from here on"), "{seen}");
    for secret in ["s3cret", "words", "13800138000", "m-1", "callbacks/"] {
        assert!(!seen.contains(secret), "{secret:?} is to be read in:\n{seen}");
    }
}
