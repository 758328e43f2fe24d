-- From the last schema before the first release (version 25) to 0100: names only, so that every row stays.

alter table wish rename to preference;
alter table preference rename column said to preferences;
drop index wish_of_borrower;
create index preference_of_borrower on preference (borrower_id, merchant, id);

alter table changed rename to ledger_change;

alter table queue rename column place to gateway_index;
alter table queue rename column hold to hold_cause;
alter table queue rename column apart to idle_state;
alter table kept_report rename column fate to reported_state;
alter table reply rename column said to text;
alter table incarnation rename column disarmed_for to disarm_reason;
