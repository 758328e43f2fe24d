//! Scans of a large ledger, of which a tenth comes into view: what is new, and nothing new.

use sqlx::{AssertSqlSafe, Executor};

use crate::postgres::{Server, connect};
use crate::report::Report;
use crate::report::Target::{AtLeast, AtMost};
use crate::stages::insert_rate;
use crate::world::{UNENCRYPTED, World};
use crate::{Anyhow, Sizes};

/// A tenth is due in three days, the rest within the year after.
const INSTALLMENTS: &str = r#"
    insert into installment (
        merchant, installment_id, borrower_id, order_ref, product, sequence, of, currency, amount, paid_amount, due_date, status
    )
    select 'mall', 'i' || lpad(n::text, 8, '0'), 'b' || lpad(n::text, 8, '0'), 'A-1001', 'Sofa', 3, 12, 'CNY', 1280.50, 0,
        case n % 10 when 0 then date '$due' else date '$due' + 30 + n % 300 end, 'open'
    from generate_series(0, $count - 1) n"#;

const BORROWERS: &str = r#"
    insert into borrower (merchant, borrower_id, name, phone, email)
    select 'mall', 'b' || lpad(n::text, 8, '0'), 'Li Lei', '+86138' || lpad(n::text, 8, '0'),
        'b' || lpad(n::text, 8, '0') || '@example.com'
    from generate_series(0, $count - 1) n"#;

/// First and second scan beside one bare statement, on PostgreSQL.
pub(crate) async fn large_ledger(report: &mut Report, server: &Server, sizes: Sizes) -> Anyhow<()> {
    let url = server.database("bench_scan").await?;
    let world = World::new(Some(url.clone()), 1, 1)?;
    let config = world.config();
    let binary = world.binary(&config);
    binary.run(&["migrate"]).await?;
    let mut connection = connect(&url).await?;
    for statement in [UNENCRYPTED, BORROWERS, INSTALLMENTS] {
        let text = statement.replace("$count", &sizes.scanned.to_string());
        connection.execute(AssertSqlSafe(text.replace("$due", &world.due_date()?.to_string()))).await?;
    }
    binary.run(&["migrate"]).await?;
    connection.execute("vacuum analyze").await?;
    connection.execute("checkpoint").await?;
    let in_view = sizes.scanned / 10;
    let bare = insert_rate(&url, world.due_date()?, in_view).await?;
    report.add("scan", format!("bare INSERT ... SELECT of {in_view} in view"), bare, "rows/s");
    let before = server.cpu().await;
    let first = binary.run(&["scan"]).await?;
    let database = server.cpu().await - before;
    if !first.output.starts_with(&format!("{in_view} planned")) {
        return Err(format!("not everything was planned: {}", first.output).into());
    }
    let rate = in_view as f64 / first.seconds;
    report.add("scan", format!("first, of a ledger of {}", sizes.scanned), rate, "rows/s");
    report.judge("scan", "first, of the bare INSERT", rate / bare, "ratio", AtLeast(0.5));
    report.add("scan", "first, scanner", first.cpu, "CPU s");
    report.add("scan", "first, database", database, "CPU s");
    report.judge("scan", "first, peak memory", first.peak_mb, "MB", AtMost(64.0));
    let second = binary.run(&["scan"]).await?;
    report.add("scan", "second, nothing changed", second.seconds * 1000.0, "ms");
    report.judge("scan", "second, of the first", second.seconds / first.seconds, "ratio", AtMost(0.1));
    let full = binary.run(&["scan", "--full"]).await?;
    report.add("scan", "full check", in_view as f64 / full.seconds, "rows/s");
    Ok(())
}
