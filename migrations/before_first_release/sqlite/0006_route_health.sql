-- How each route is doing, by the probes of late: one row for each that was ever probed.
create table route_health (
    route_key  text primary key,
    url        text    not null, -- where it led: of a route that leads elsewhere now this says nothing
    degraded   integer not null,
    since      text    not null,
    failures   integer not null, -- in a row
    successes  integer not null, -- in a row
    last_fault text, -- in words
    probed_at  text    not null
) strict;
