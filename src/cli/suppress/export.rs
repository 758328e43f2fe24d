//! `dueherald suppress export`: the list as a file.

use std::io::Write;

use super::super::CliError;
use super::list::{SuppressionSelection, filter};
use crate::source::SuppressionsWriter;
use crate::store::Store;

/// How many suppressions one operation reads.
const PAGE: u32 = 1_000;

/// Writes all of them, page by page: a lender may have a million.
pub(super) async fn export(
    which: SuppressionSelection,
    store: &dyn Store,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut filter = filter(which, PAGE);
    let mut writer = SuppressionsWriter::new(out)?;
    loop {
        let page = store.suppressions(&filter).await?;
        for one in &page {
            writer.write(one)?;
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else { break };
        filter.after = Some((last.merchant.clone(), last.address.clone()));
    }
    Ok(writer.finish()?)
}
