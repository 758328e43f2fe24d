-- How each route is doing, by the probes of late: one row for each that was ever probed.
create table route_health (
    route_key  text collate "C" primary key,
    url        text        not null, -- where it led: of a route that leads elsewhere now this says nothing
    degraded   boolean     not null,
    since      timestamptz not null,
    failures   bigint      not null, -- in a row
    successes  bigint      not null, -- in a row
    last_fault text, -- in words
    probed_at  timestamptz not null
);

-- What was sent in a span of time. Events are appended, so the few pages of a block range tell; it costs next to nothing to keep.
create index event_at on event using brin (at);
