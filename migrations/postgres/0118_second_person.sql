-- A subject is somebody at one OIDC provider: another one may give the same to somebody else.
alter table staff_user add column issuer text;

-- A suppression that took the place of an opt-out ends like one.
alter table suppression add column covers_opt_out boolean not null default false;

-- The person who asked to end an opt-out, and when: another one has to confirm it.
alter table suppression add column lift_actor text;
alter table suppression add column lift_at timestamptz;
