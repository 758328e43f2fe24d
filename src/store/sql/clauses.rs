//! The one place where a statement is put together while the program runs: of fixed pieces, never of values.

use sqlx::AssertSqlSafe;

/// A condition of a filter, and whether it is asked for.
pub(in crate::store) type Clause = (bool, &'static str);

/// A listing with the clauses that are asked for. `$1 is null or …` would spare this, but a planner that does not see
/// the value then walks the whole table. Places of clauses left out stay bound and unused.
pub(in crate::store) fn narrowed([head, tail]: [&'static str; 2], clauses: &[Clause]) -> AssertSqlSafe<String> {
    let asked = clauses.iter().filter(|(asked, _)| *asked).map(|(_, clause)| *clause);
    let mut text = String::from(head);
    for clause in asked {
        text.push_str(" and ");
        text.push_str(clause);
    }
    text.push_str(tail);
    AssertSqlSafe(text)
}
