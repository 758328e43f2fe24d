-- Nothing: SQLite plans its statements without statistics of the queue. PostgreSQL has a function that analyses it.
select 1;
