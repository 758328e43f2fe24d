-- Plans that were made while the queue was empty read all of it for each batch until it is analysed. A scan that fills
-- it has it analysed at once. The daemon's role has no right to analyse the table, so its owner's function does it; a
-- lock that another scan or the autovacuum holds is not waited for, as its holder does the same.
do $$
begin
    execute format(
        'create function analyse_queue() returns void language plpgsql security definer set search_path = %I, pg_temp '
            'as $body$ begin analyze (skip_locked) queue; end $body$',
        current_schema()
    );
end $$;
