//! The tables `suppression_change` and `suppression_change_address`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::clauses::Clause;
use super::report::read_address;
use super::sealing::open_address;
use super::value::Moment;
use crate::domain::{KeyRing, ManualChange, SuppressionChange, SuppressionScope};
use crate::store::{StoreError, SuppressionChangeFilter};

/// Records a change. Binds: at, actor, reason, action, merchant and channel of a stop, how many addresses.
pub(in crate::store) const APPEND: &str = r#"
    insert into suppression_change (at, actor, reason, action, merchant, channel, addresses)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning id"#;

/// The changes that match a filter, newest first, with the address if it is the only one. Binds: channel, address,
/// before, limit.
pub(in crate::store) const MATCHING: [&str; 2] = [
    r#"
    select c.id, c.at, c.actor, c.reason, c.action, coalesce(c.merchant, a.merchant) as merchant,
        coalesce(c.channel, a.channel) as channel, c.addresses, a.address, a.sealed
    from suppression_change c
    left join suppression_change_address a on a.change_id = c.id and c.addresses = 1
    where true"#,
    " order by c.id desc limit $4",
];

/// The clauses of a filter.
pub(in crate::store) fn narrow(filter: &SuppressionChangeFilter) -> [Clause; 2] {
    [
        (
            filter.address.is_some(),
            "c.id in (select o.change_id from suppression_change_address o where o.channel = $1 and o.address = $2)",
        ),
        (filter.before.is_some(), "c.id < $3"),
    ]
}

#[derive(FromRow)]
pub(in crate::store) struct ChangeRow {
    id: i64,
    at: Moment,
    actor: String,
    reason: String,
    action: String,
    merchant: Option<String>,
    channel: Option<String>,
    addresses: i64,
    address: Option<String>,
    sealed: Option<String>,
}

impl ChangeRow {
    pub(in crate::store) fn change(self, ring: Option<&KeyRing>) -> Result<SuppressionChange, StoreError> {
        const COLUMN: &str = "suppression_change_address.address";
        let merchant = read_if_known(self.merchant, "suppression_change.merchant", str::parse)?;
        let scope = match (self.channel, self.address, self.addresses) {
            (Some(channel), Some(address), 1) => {
                let address = open_address(ring, address, self.sealed, COLUMN)?;
                let address = read_address(&channel, &address, COLUMN)?.into();
                SuppressionScope::Address { merchant, address }
            }
            (channel, _, 0) => {
                let channel = read_if_known(channel, "suppression_change.channel", str::parse)?;
                SuppressionScope::Stop { merchant, channel }
            }
            (_, _, count) => SuppressionScope::Addresses(u64::try_from(count).unwrap_or_default()),
        };
        Ok(SuppressionChange {
            id: self.id,
            action: read(&self.action, "suppression_change.action", str::parse)?,
            scope,
            change: ManualChange { actor: self.actor, reason: self.reason, at: self.at.0 },
        })
    }
}
