-- What a service key is bound to, how it is replaced, and when it was last used.

alter table functions.service_keys
  -- Addresses from which the key is good, as a list of CIDR ranges; null for all.
  add column cidrs jsonb,
  -- The secret before the last rotation, good beside the present one until `previous_until`.
  add column previous_mac bytea,
  add column previous_until timestamptz,
  -- `exchanged` keys were traded for a token of another issuer, live for minutes, and are swept.
  add column kind text not null default 'key',
  -- Written in batches, for people to look at. It decides nothing, so `mac` doesn't cover it.
  add column last_used_at timestamptz,
  add constraint service_keys_kind_known check (kind in ('key', 'exchanged')),
  add constraint service_keys_previous_complete
    check ((previous_mac is null) = (previous_until is null));

-- Revoking a key revokes what was made with it.
create index service_keys_created_by on functions.service_keys (created_by);
create index service_keys_order on functions.service_keys (created_at, id);
