//! Import: the rows that it accepts, the rows that it rejects and how it reports them, and the effect of a second run.

mod command;
mod input;
mod ledger;
mod people;
mod properties;
mod refusals;
mod units;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use dueherald::domain::{LedgerRow, Locale, Merchant, MerchantId, RejectedRecord, Support};
use dueherald::pipeline::Ledger;
use dueherald::source::{Format, Record, RejectedRow, Rows, SourceError};
use dueherald::store::{Change, StoreError, WriteMode};

/// A header with the required columns and those that most tests speak of.
const HEADER: &str = "merchant,borrower_id,name,phone,email,locale,time_zone,account_phone,installment_id,order_ref,product,\
                      sequence,of,currency,amount,paid_amount,due_date,status,route";

/// A sound record for [`HEADER`].
const SOUND: &str = "mall,b1,李伟,13800138000,li.wei@example.com,zh-CN,Asia/Shanghai,13800138000,i1,o1,空调,3,12,CNY,128.50,0,\
                     2026-03-31,open,app";

fn merchants() -> BTreeMap<MerchantId, Merchant> {
    let merchant = |id: &str, country: &str| Merchant {
        id: MerchantId::new(id).expect("an id"),
        name: id.to_owned(),
        signature: id.to_owned(),
        app_name: "Finance".to_owned(),
        locale: Locale::new("zh-CN").expect("a locale"),
        time_zone: chrono_tz::Asia::Shanghai,
        country: country.to_owned(),
        countries: Vec::new(),
        jurisdiction: "cn".parse().expect("a jurisdiction"),
        discreet: false,
        amount_unit: Default::default(),
        stopped: false,
        link_base: "https://pay.example.com".to_owned(),
        bare_links: false,
        support: Support { phone: Some("95188".to_owned()), email: None, hours: None },
    };
    [merchant("mall", "CN"), merchant("shop", "US")]
        .into_iter()
        .map(|merchant| (merchant.id.clone(), merchant))
        .collect()
}

/// [`SOUND`] with other cells in some columns.
fn row(changes: &[(&str, &str)]) -> String {
    let cells = HEADER.split(',').zip(SOUND.split(',')).map(|(column, cell)| {
        changes.iter().find(|(changed, _)| *changed == column).map_or(cell, |(_, cell)| *cell).to_owned()
    });
    cells.collect::<Vec<_>>().join(",")
}

fn read(input: &[u8], format: Option<Format>) -> Result<Vec<Record>, SourceError> {
    Rows::open(input, format, &merchants())?.collect()
}

fn read_csv(input: impl AsRef<[u8]>) -> Vec<Record> {
    read(input.as_ref(), Some(Format::Csv)).expect("a CSV that can be imported")
}

fn read_json(input: impl AsRef<[u8]>) -> Vec<Record> {
    read(input.as_ref(), Some(Format::JsonLines)).expect("JSON lines that can be imported")
}

/// `line: reason` of each record that was refused.
fn refused(records: &[Record]) -> Vec<String> {
    let told = |rejected: &RejectedRow| format!("{}: {}", rejected.line, rejected.reason());
    records.iter().filter_map(|record| record.read.as_ref().err().map(told)).collect()
}

/// The lines of the records that were taken.
fn taken(records: &[Record]) -> Vec<u64> {
    records.iter().filter(|record| record.read.is_ok()).map(|record| record.line).collect()
}

/// A ledger in memory: it knows a row by its instalment, and holds what it was last told of it.
#[derive(Debug, Default)]
struct ImportBatch {
    rows: Mutex<BTreeMap<String, LedgerRow>>,
    /// Fails at this batch, counted from 1.
    fails_at: Option<usize>,
    batches: Mutex<Vec<usize>>,
    rejected: Mutex<Vec<RejectedRecord>>,
}

impl ImportBatch {
    fn installments(&self) -> Vec<String> {
        self.rows.lock().expect("one at a time").keys().cloned().collect()
    }

    fn rejected(&self) -> Vec<RejectedRecord> {
        self.rejected.lock().expect("one at a time").clone()
    }

    fn batches(&self) -> Vec<usize> {
        self.batches.lock().expect("one at a time").clone()
    }
}

#[async_trait]
impl Ledger for ImportBatch {
    async fn write(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        let mut batches = self.batches.lock().expect("one at a time");
        batches.push(rows.len());
        if self.fails_at == Some(batches.len()) {
            return Err(StoreError::NotMigrated);
        }
        self.rejected.lock().expect("one at a time").extend(rejected.iter().cloned());
        let mut known = self.rows.lock().expect("one at a time");
        let change = |row: &LedgerRow| {
            let key = format!("{}/{}", row.borrower.merchant, row.installment);
            let change = match known.get(&key) {
                None => Change::New,
                Some(before) if before == row => Change::Same,
                Some(_) => Change::Changed,
            };
            if mode == WriteMode::Commit {
                known.insert(key, row.clone());
            }
            change
        };
        Ok(rows.iter().map(change).collect())
    }
}
