//! The states of reminders in the real store, for the oracle.

use dueherald::domain::{ReminderId, State};
use dueherald::store::{ReminderFilter, ReminderView, Store};

use crate::database::Busy;
use crate::world::{World, lock};

/// One reminder with its state, from the real store.
pub(crate) async fn view(store: &dyn Store, id: ReminderId) -> Option<ReminderView> {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    store.reminders(&filter).await.expect("the store answers").pop()
}

/// Tells the oracle how these reminders stand after a commit. On real databases two daemons read at once: whoever reads
/// first tells it first, else a state would seem to follow from a later one.
pub(crate) async fn observe(world: &World, ids: &[ReminderId]) {
    for id in ids {
        let store = Busy::with(world);
        let _turn = world.turn_to_observe.lock().await;
        if let Some(view) = view(&*store, *id).await {
            lock(&world.oracle).observe(&view);
        }
    }
}

/// Tells the oracle what is unknown now: a daemon may have put in what the database had forgotten.
pub(crate) async fn observe_doubt(world: &World) {
    let filter = ReminderFilter { state: Some(State::Unknown), limit: u32::MAX, ..ReminderFilter::default() };
    let unknown = Busy::with(world).reminders(&filter).await.expect("the store answers");
    let mut oracle = lock(&world.oracle);
    unknown.iter().for_each(|view| oracle.doubted(view));
}
