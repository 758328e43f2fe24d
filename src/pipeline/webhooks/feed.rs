//! The pages of records, which all endpoints share: most of them are at the same position, the end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::domain::{EndpointKey, FinalEnd, MerchantId, RecordPosition};
use crate::store::{RecordPage, Store, StoreError};

/// How many pages are kept. A page holds some thousand events at most.
const KEPT_PAGES: usize = 8;

/// The result of a look at the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Nothing is added before this position any more.
    pub(super) end: Option<RecordPosition>,
    /// The versions of the endpoints: a person changed one whose version is another.
    pub(super) versions: BTreeMap<EndpointKey, i64>,
}

/// Reads records.
#[derive(Debug)]
pub(super) struct Feed {
    store: Arc<dyn Store>,
    merchants: Vec<MerchantId>,
    end: Mutex<FinalEnd>,
    last: watch::Sender<Look>,
    pages: tokio::sync::Mutex<VecDeque<(RecordPosition, Arc<RecordPage>)>>,
}

impl Feed {
    pub(super) fn new(store: Arc<dyn Store>, merchants: Vec<MerchantId>) -> Self {
        let (end, last) = (Mutex::default(), watch::Sender::new(Look::default()));
        Self { store, merchants, end, last, pages: tokio::sync::Mutex::default() }
    }

    /// Looks at the ends of the tables, and at what people changed.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let ends = self.store.record_ends().await?;
        let states = self.store.webhook_endpoints().await?;
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).advance(ends);
        let versions = states.into_iter().map(|state| (state.key, state.version)).collect();
        let look = Look { end, versions };
        self.last.send_if_modified(|last| {
            let differs = *last != look;
            *last = look;
            differs
        });
        Ok(())
    }

    /// Tells when a look finds something else.
    pub(super) fn looks(&self) -> watch::Receiver<Look> {
        self.last.subscribe()
    }

    /// The page behind a position; `None` if there is nothing behind it.
    pub(super) async fn page(&self, after: RecordPosition) -> Result<Option<Arc<RecordPage>>, StoreError> {
        let Some(end) = self.last.borrow().end else { return Ok(None) };
        if std::iter::zip(end.0, after.0).all(|(end, after)| end <= after) {
            return Ok(None);
        }
        // Others who want this page wait for it.
        let mut pages = self.pages.lock().await;
        if let Some((_, page)) = pages.iter().find(|(start, _)| *start == after) {
            return Ok(Some(Arc::clone(page)));
        }
        let page = Arc::new(self.store.record_page(&self.merchants, after, end).await?);
        pages.push_front((after, Arc::clone(&page)));
        pages.truncate(KEPT_PAGES);
        Ok(Some(page))
    }
}
