//! Funnel counts, over the tables `event`, `reminder`, `installment` and `click`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use crate::domain::{Funnel, SentCount};
use crate::store::StoreError;

/// Messages that were taken over in a span, counted by what decides about their way. Clicks are looked for since the
/// span began; a receipt by its message, as an index over all receipts does not know their times: counted, as an
/// `exists` may be answered by reading all of them. Binds: begin, end.
pub(in crate::store) const SENT: &str = r#"
    select m.merchant, m.step, m.channel, m.product, m.route, count(*) as sent, sum(m.delivered) as delivered,
           sum(m.clicked) as clicked, sum(m.paid) as paid
    from (
        select r.merchant, r.step, r.channel, min(i.product) as product, coalesce(max(s.route), min(i.route)) as route,
               max(case when (
                   select count(*) from event d where d.reminder_id = s.reminder_id and d.kind = 'delivered'
               ) > 0 then 1 else 0 end) as delivered,
               max(case when c.reminder_id is null then 0 else 1 end) as clicked,
               case when count(case when i.status = 'paid' then 1 end) > 0
                     and count(case when i.status = 'open' then 1 end) = 0 then 1 else 0 end as paid
        from (
            select reminder_id, max(route) as route from event where kind = 'accepted' and at >= $1
                and at < $2 group by reminder_id
        ) s
        join reminder r on r.id = s.reminder_id
        left join (select distinct reminder_id from click where at >= $1) c on c.reminder_id = s.reminder_id
        left join installment i
          on i.borrower_id = r.borrower_id and i.merchant = r.merchant and i.due_date = r.due_date
        group by r.id, r.merchant, r.step, r.channel
    ) m
    group by m.merchant, m.step, m.channel, m.product, m.route"#;

#[derive(FromRow)]
pub(in crate::store) struct SentRow {
    merchant: String,
    step: String,
    channel: String,
    product: Option<String>,
    route: Option<String>,
    sent: i64,
    delivered: i64,
    clicked: i64,
    paid: i64,
}

impl SentRow {
    pub(in crate::store) fn count(self) -> Result<SentCount, StoreError> {
        // A count is never negative.
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(SentCount {
            merchant: read(&self.merchant, "reminder.merchant", str::parse)?,
            step: read(&self.step, "reminder.step", str::parse)?,
            channel: read(&self.channel, "reminder.channel", str::parse)?,
            product: self.product,
            route: read_if_known(self.route, "installment.route", str::parse)?,
            funnel: Funnel {
                sent: number(self.sent),
                delivered: number(self.delivered),
                clicked: number(self.clicked),
                paid: number(self.paid),
            },
        })
    }
}
