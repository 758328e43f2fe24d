//! Notices: a one-off message to a selected set of borrowers.
//!
//! The set is gathered once, while the notice is a draft, so that who approves it approves these people and no others.
//! Then each recipient's message is put into the outbox as a reminder of its own, in batches of one transaction each,
//! and from there on it is a message like any other. Whoever breaks off goes on where it stopped: a borrower is a
//! recipient once, and a reminder has a key.

mod selection;

use chrono::{DateTime, TimeDelta, Utc};

use super::AuditNote;
use super::queue_growth::QueueGrowth;
use crate::domain::{Notice, NoticeChange, NoticeName, NoticeState, Recipient, State, TemplateName, is_same_person};
use crate::plan::Policy;
use crate::store::{LedgerStore, NoticeCount, NoticeStore, ScanStore, StoreError};

pub use selection::{Preview, PreviewCount, Selection, preview};

/// How long the message of a notice stays of use: over a weekend's days off and some days of caps.
const USEFUL_FOR: TimeDelta = TimeDelta::days(3);

/// How many messages are put into the outbox in one transaction.
const BATCH: u32 = 200;

/// A notice that somebody wants to make.
#[derive(Debug)]
pub struct NoticeOrder<'a> {
    /// Its name.
    pub name: NoticeName,
    /// The template of its messages.
    pub template: TemplateName,
    /// For whom.
    pub selection: &'a Selection,
    /// The author, and the reason.
    pub audit_note: AuditNote,
    /// A second person has to approve it if it has more recipients.
    pub approve_above: Option<u64>,
}

/// A notice with how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeView {
    /// The notice.
    pub notice: Notice,
    /// Its state changes with their authors, oldest first.
    pub changes: Vec<NoticeChange>,
    /// How far its recipients have come.
    pub counts: Vec<NoticeCount>,
}

/// Why nothing was done with a notice.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// No such notice.
    #[error("there is no notice {0}; `dueherald notice list` lists them")]
    NotFound(NoticeName),
    /// The name is taken by another.
    #[error("there is a notice {0} already, with another template or for others ({1}); choose another name")]
    NameTaken(NoticeName, String),
    /// It is not in a state in which that can be done.
    #[error("notice {0} is {1}: {2}")]
    WrongState(NoticeName, NoticeState, &'static str),
    /// Nobody approves a notice of their own.
    #[error("{0} made the notice; another person has to approve it")]
    SamePerson(String),
    /// Somebody else did something with it at the same moment.
    #[error("somebody else has just changed notice {0}; look at it with `dueherald notice show {0}`")]
    JustChanged(NoticeName),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NoticeView {
    /// How many recipients there are.
    #[must_use]
    pub fn recipients(&self) -> u64 {
        self.counts.iter().map(|count| count.count).sum()
    }

    /// How many messages are yet to leave, or are under way.
    #[must_use]
    pub fn to_do(&self) -> u64 {
        let waits =
            |count: &&NoticeCount| matches!(count.state, None | Some(State::Planned | State::Held | State::Sending));
        self.counts.iter().filter(waits).map(|count| count.count).sum()
    }

    /// How many messages are not in the outbox yet.
    #[must_use]
    pub fn to_put_out(&self) -> u64 {
        self.counts.iter().filter(|count| count.state.is_none()).map(|count| count.count).sum()
    }

    /// The state in a word; `done` when nothing is left to do.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.notice.state {
            NoticeState::Sending if self.to_do() == 0 => "done",
            state => state.as_str(),
        }
    }
}

/// Makes a notice, gathers its recipients, and sends it if nobody has to approve it. The same order again goes on where
/// the last one stopped, and adds nothing to one that was carried out.
///
/// # Errors
/// When the name is taken by another notice, or the store fails.
pub async fn create(
    store: &(impl LedgerStore + NoticeStore + ScanStore + ?Sized),
    policy: &Policy,
    order: &NoticeOrder<'_>,
    now: DateTime<Utc>,
) -> Result<NoticeView, NoticeError> {
    let notice = Notice {
        name: order.name.clone(),
        template: order.template.clone(),
        selection: order.selection.to_string(),
        state: NoticeState::Draft,
        actor: order.audit_note.actor.clone(),
        reason: order.audit_note.reason.clone(),
        at: now,
    };
    if !store.add_notice(&notice).await? {
        let known = find(store, &order.name).await?;
        if (&known.template, &known.selection) != (&notice.template, &notice.selection) {
            return Err(NoticeError::NameTaken(known.name, known.selection));
        }
    }
    if find(store, &order.name).await?.state == NoticeState::Draft {
        gather(store, policy, order, now).await?;
        let recipients = look(store, &order.name).await?.recipients();
        let needs_approval = order.approve_above.is_some_and(|most| recipients > most);
        let next = if needs_approval { NoticeState::AwaitingApproval } else { NoticeState::Sending };
        bring(store, &order.name, NoticeState::Draft, next, &order.audit_note, now).await?;
    }
    put_out(store, &order.name, now).await?;
    look(store, &order.name).await
}

async fn gather(
    store: &(impl LedgerStore + NoticeStore + ?Sized),
    policy: &Policy,
    order: &NoticeOrder<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut unpaid = order.selection.unpaid(store);
    loop {
        let page = unpaid.next().await?;
        if page.is_empty() {
            return Ok(());
        }
        let picked = order.selection.pick(store, policy, &page, now).await?;
        let recipients: Vec<Recipient> = picked.into_iter().map(|(recipient, _)| recipient).collect();
        if !recipients.is_empty() {
            store.add_recipients(&order.name, &recipients).await?;
        }
    }
}

/// Puts what waits into the outbox, as long as the notice is being sent.
async fn put_out(
    store: &(impl NoticeStore + ScanStore + ?Sized),
    name: &NoticeName,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let growth = QueueGrowth::default();
    loop {
        let recipients = store.put_out(name, BATCH, now, now + USEFUL_FOR).await?;
        if recipients == 0 {
            return Ok(());
        }
        growth.note(recipients as u64, store).await;
    }
}

/// Goes on with every notice whose command broke off while its messages were put into the outbox.
///
/// # Errors
/// When the store fails.
pub async fn go_on(store: &(impl NoticeStore + ScanStore + ?Sized), now: DateTime<Utc>) -> Result<(), StoreError> {
    for name in store.unfinished_notices().await? {
        put_out(store, &name, now).await?;
    }
    Ok(())
}

/// Lets a notice go out that a second person has to approve.
///
/// # Errors
/// When it does not wait for that, or the person is who made it.
pub async fn approve(
    store: &(impl NoticeStore + ScanStore + ?Sized),
    name: &NoticeName,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> Result<NoticeView, NoticeError> {
    approval(&find(store, name).await?, audit_note, now)?;
    bring(store, name, NoticeState::AwaitingApproval, NoticeState::Sending, audit_note, now).await?;
    put_out(store, name, now).await?;
    look(store, name).await
}

/// The change by which [`approve`] lets a notice go out, for whoever makes it together with something else. The daemon
/// then puts its messages into the outbox.
///
/// # Errors
/// As [`approve`].
pub fn approval(notice: &Notice, audit_note: &AuditNote, at: DateTime<Utc>) -> Result<NoticeChange, NoticeError> {
    if notice.state != NoticeState::AwaitingApproval {
        return Err(NoticeError::WrongState(notice.name.clone(), notice.state, "nothing is to be approved"));
    }
    if is_same_person(&notice.actor, &audit_note.actor) {
        return Err(NoticeError::SamePerson(notice.actor.clone()));
    }
    let AuditNote { actor, reason } = audit_note.clone();
    Ok(NoticeChange { state: NoticeState::Sending, at, actor, reason })
}

/// Lets nothing more of a notice leave until it is resumed; effective at the next claim.
///
/// # Errors
/// When it is not being sent.
pub async fn pause(
    store: &dyn NoticeStore,
    name: &NoticeName,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> Result<NoticeView, NoticeError> {
    let state = find(store, name).await?.state;
    if state != NoticeState::Sending {
        return Err(NoticeError::WrongState(name.clone(), state, "only what is being sent can be paused"));
    }
    bring(store, name, state, NoticeState::Paused, audit_note, now).await?;
    look(store, name).await
}

/// Goes on with a notice that was paused, or that broke off while its messages were put into the outbox.
///
/// # Errors
/// When it is neither.
pub async fn resume(
    store: &(impl NoticeStore + ScanStore + ?Sized),
    name: &NoticeName,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> Result<NoticeView, NoticeError> {
    let state = find(store, name).await?.state;
    match state {
        NoticeState::Paused => bring(store, name, state, NoticeState::Sending, audit_note, now).await?,
        NoticeState::Sending => {}
        NoticeState::Draft => {
            let then = "its recipients were not all gathered; run the same `dueherald notice create` again";
            return Err(NoticeError::WrongState(name.clone(), state, then));
        }
        NoticeState::AwaitingApproval => {
            return Err(NoticeError::WrongState(name.clone(), state, "approve it with `dueherald notice approve`"));
        }
        NoticeState::Cancelled => {
            return Err(NoticeError::WrongState(name.clone(), state, "that is for good; make another one"));
        }
    }
    put_out(store, name, now).await?;
    look(store, name).await
}

/// Ends a notice: what has not left is skipped when its turn comes.
///
/// # Errors
/// When it is cancelled already.
pub async fn cancel(
    store: &dyn NoticeStore,
    name: &NoticeName,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
) -> Result<NoticeView, NoticeError> {
    let state = find(store, name).await?.state;
    if !state.may_become(NoticeState::Cancelled) {
        return Err(NoticeError::WrongState(name.clone(), state, "there is nothing left to cancel"));
    }
    bring(store, name, state, NoticeState::Cancelled, audit_note, now).await?;
    look(store, name).await
}

/// A notice with how far it has come.
///
/// # Errors
/// When there is none of that name.
pub async fn look(store: &(impl NoticeStore + ?Sized), name: &NoticeName) -> Result<NoticeView, NoticeError> {
    let notice = find(store, name).await?;
    let (changes, counts) = (store.notice_changes(name).await?, store.notice_counts(name).await?);
    Ok(NoticeView { notice, changes, counts })
}

async fn find(store: &(impl NoticeStore + ?Sized), name: &NoticeName) -> Result<Notice, NoticeError> {
    store.notices(Some(name)).await?.pop().ok_or_else(|| NoticeError::NotFound(name.clone()))
}

async fn bring(
    store: &(impl NoticeStore + ?Sized),
    name: &NoticeName,
    from: NoticeState,
    state: NoticeState,
    audit_note: &AuditNote,
    at: DateTime<Utc>,
) -> Result<(), NoticeError> {
    let AuditNote { actor, reason } = audit_note.clone();
    let change = NoticeChange { state, at, actor, reason };
    let moved = from.may_become(state) && store.move_notice(name, from, &change).await?;
    if moved { Ok(()) } else { Err(NoticeError::JustChanged(name.clone())) }
}
