-- The state of a row that no claim looks at; null while planned or sending. PostgreSQL has its indexes by it.
alter table queue add column apart text
    generated always as (case when state in ('unknown', 'falling_back') then state end) virtual;
