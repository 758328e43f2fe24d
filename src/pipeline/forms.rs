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
        let phase = to_send.installments.first().map(|first| Phase::of(to_send.today, first.due_date));
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
