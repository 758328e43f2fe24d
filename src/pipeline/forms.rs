//! The forms of messages: made-up messages, which those that leave are kept as differences from.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::domain::{Fence, LinkMode, Merchant, Message, MessageForm};
use crate::plan::SendPlan;
use crate::render::Phase;
use crate::store::{OutboxStore, StoreError};

/// How much memory all forms may take: those of 1,000 e-mails or of 20,000 SMS.
const MOST_BYTES: usize = 64 << 20;

/// How often it is tried to keep one form. A message without one takes more room, and nothing else.
const TRIES: u32 = 3;

/// Messages of one form: which form it is decides only how little room they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FormKey(u64);

impl FormKey {
    /// The key of everything that shapes a message and is not the borrower's.
    pub(super) fn of(merchant: &Merchant, to_send: &SendPlan, mode: LinkMode, is_registered: bool) -> Self {
        let phase = Phase::of(to_send.today, &to_send.installments);
        let required = [to_send.required.opt_out, to_send.required.debt_advice];
        let has_several = to_send.installments.len() > 1;
        let mut hash = DefaultHasher::new();
        (&merchant.id, to_send.to.channel(), &to_send.locale, &to_send.template, to_send.no_other_template)
            .hash(&mut hash);
        (phase, required, has_several, to_send.discreet, mode, is_registered).hash(&mut hash);
        Self(hash.finish())
    }
}

/// The forms that a process knows.
#[derive(Debug, Default)]
pub struct MessageForms(Mutex<KnownForms>);

#[derive(Debug, Default)]
struct KnownForms {
    forms: HashMap<FormKey, Arc<KnownForm>>,
    bytes: usize,
    /// The incarnation of the database that keeps them.
    database: Option<(String, Option<String>)>,
}

#[derive(Debug)]
struct KnownForm {
    /// None if no made-up message could be made.
    form: Option<Arc<MessageForm>>,
    is_kept: OnceCell<()>,
    failures: AtomicU32,
}

impl MessageForms {
    /// Forgets what it knows if that was kept by another incarnation of the database: this one may not have it.
    pub(super) fn are_for(&self, fence: &Fence) {
        let mut known = self.known();
        let is_same = known
            .database
            .as_ref()
            .is_some_and(|(generation, timeline)| *generation == fence.generation && *timeline == fence.timeline);
        if !is_same {
            *known = KnownForms {
                database: Some((fence.generation.clone(), fence.timeline.clone())),
                ..KnownForms::default()
            };
        }
    }

    /// The form of a message, once the store keeps it; `None` if it does not. `sample` makes it up.
    pub(super) async fn kept(
        &self,
        key: FormKey,
        store: &dyn OutboxStore,
        sample: impl FnOnce() -> Option<Message>,
    ) -> Option<Arc<MessageForm>> {
        let known = self.find(key).unwrap_or_else(|| self.add(key, sample()));
        let form = known.form.as_ref()?;
        if !known.is_kept.initialized() {
            known.keep(form, store).await?;
        }
        Some(Arc::clone(form))
    }

    fn find(&self, key: FormKey) -> Option<Arc<KnownForm>> {
        self.known().forms.get(&key).cloned()
    }

    fn add(&self, key: FormKey, sample: Option<Message>) -> Arc<KnownForm> {
        let form = sample.map(|sample| Arc::new(MessageForm::of(&sample)));
        let bytes = form.as_ref().map_or(0, |form| form.bytes());
        let added = Arc::new(KnownForm { form, is_kept: OnceCell::new(), failures: AtomicU32::new(0) });
        let mut known = self.known();
        if known.bytes + bytes > MOST_BYTES {
            known.forms.clear();
            known.bytes = 0;
        }
        known.bytes += bytes;
        known.forms.insert(key, Arc::clone(&added));
        added
    }

    fn known(&self) -> MutexGuard<'_, KnownForms> {
        // Each change is whole, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownForm {
    /// Has the store keep it, once for all who ask at the same time; `None` if it does not.
    async fn keep(&self, form: &Arc<MessageForm>, store: &dyn OutboxStore) -> Option<()> {
        let keep = async || -> Result<(), Option<StoreError>> {
            if self.failures.load(Ordering::Relaxed) >= TRIES {
                return Err(None);
            }
            store.keep_form(form).await.map_err(Some)
        };
        match self.is_kept.get_or_try_init(keep).await {
            Ok(()) => Some(()),
            Err(error) => {
                if let Some(error) = error {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "the form of messages could not be stored; they are kept whole, which \
                        takes more room");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use chrono::{DateTime, Utc};

    use super::{FormKey, MessageForms, TRIES};
    use crate::domain::{Channel, Fence, Marks, Message, MessageForm, NewReminder, ReminderId, Settlement, SmsText};
    use crate::plan::GatewayLists;
    use crate::store::{ClaimRequest, ClaimResult, DecideFn, OutboxStore, RehomeScope, StoreError, WriteMode};

    /// Counts how often it is asked to keep a form, and refuses the first few times.
    #[derive(Debug, Default)]
    struct Counting {
        asked: AtomicU32,
        refuses: u32,
    }

    #[async_trait]
    impl OutboxStore for Counting {
        async fn keep_form(&self, _: &Arc<MessageForm>) -> Result<(), StoreError> {
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if asked < self.refuses { Err(StoreError::Ending) } else { Ok(()) }
        }

        async fn plan(&self, _: &[NewReminder], _: DateTime<Utc>, _: WriteMode) -> Result<Vec<ReminderId>, StoreError> {
            unreachable!("only a form is kept")
        }

        async fn claim(&self, _: &ClaimRequest, _: DecideFn<'_>) -> Result<ClaimResult, StoreError> {
            unreachable!("only a form is kept")
        }

        async fn settle_and_claim(
            &self,
            _: &[Settlement],
            _: &ClaimRequest,
            _: DecideFn<'_>,
        ) -> Result<(usize, ClaimResult), StoreError> {
            unreachable!("only a form is kept")
        }

        async fn settle(&self, _: &[Settlement]) -> Result<usize, StoreError> {
            unreachable!("only a form is kept")
        }

        async fn rehome(&self, _: Channel, _: &GatewayLists, _: RehomeScope) -> Result<usize, StoreError> {
            unreachable!("only a form is kept")
        }

        async fn next_due(&self, _: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
            unreachable!("only a form is kept")
        }
    }

    const KEY: FormKey = FormKey(1);

    fn sample() -> Option<Message> {
        Some(Message::Sms(SmsText("a sample".to_owned())))
    }

    fn fence(generation: &str, timeline: Option<&str>) -> Fence {
        let (generation, timeline) = (generation.to_owned(), timeline.map(str::to_owned));
        Fence { generation, timeline, marks: Marks::default(), beats: None }
    }

    #[tokio::test]
    async fn a_form_is_stored_once_however_many_ask_for_it() {
        let (forms, store) = (MessageForms::default(), Counting::default());
        let ask = || forms.kept(KEY, &store, sample);
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        assert!([&first, &second, &third].iter().all(|form| form.is_some()));
        assert!(ask().await.is_some());
        assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_store_that_refuses_is_asked_again_a_few_times_and_messages_do_without() {
        let (forms, store) = (MessageForms::default(), Counting { refuses: 1, ..Counting::default() });
        assert!(forms.kept(KEY, &store, sample).await.is_none(), "it is not there yet");
        assert!(forms.kept(KEY, &store, sample).await.is_some());
        let (forms, store) = (MessageForms::default(), Counting { refuses: u32::MAX, ..Counting::default() });
        for _ in 0..10 {
            assert!(forms.kept(KEY, &store, sample).await.is_none());
        }
        assert_eq!(store.asked.load(Ordering::SeqCst), TRIES);
    }

    #[tokio::test]
    async fn another_incarnation_of_the_database_gets_every_form_again() {
        let (forms, store) = (MessageForms::default(), Counting::default());
        let incarnations =
            [("one", Some("1")), ("one", Some("1")), ("one", Some("2")), ("two", Some("2")), ("two", None)];
        let asked = [1, 1, 2, 3, 4];
        for ((generation, timeline), asked) in incarnations.into_iter().zip(asked) {
            forms.are_for(&fence(generation, timeline));
            assert!(forms.kept(KEY, &store, sample).await.is_some());
            assert_eq!(store.asked.load(Ordering::SeqCst), asked, "{generation} {timeline:?}");
        }
    }
}
