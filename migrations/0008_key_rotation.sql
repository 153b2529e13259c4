-- Keys that change while the server runs.

alter table functions.data_keys
  -- How many values it may have sealed; counted ahead, in blocks, so never too low. It only decides
  -- when the next key is made, so it is not authenticated.
  add column seals bigint not null default 0,
  -- When the sealed key was removed for good. Its row stays, so that nothing is written under it.
  add column destroyed_at timestamptz,
  add constraint data_keys_destroyed_empty
    check ((destroyed_at is null) = (length(wrapped) > 0)),
  add constraint data_keys_destroyed_disabled
    check (destroyed_at is null or status = 'disabled');

-- A server that hasn't heard of a change must not write what nobody can read any more: whoever
-- retires a key disables it, waits until the transactions that began before have ended, and only
-- then counts what is left. The check comes after the write, when the transaction has an id that can
-- be waited for, and needs no lock.
create function functions.assert_key_not_retired(key_id bytea) returns void
language plpgsql as $$
begin
  if exists (
    select from functions.data_keys where id = encode(key_id, 'hex') and status = 'disabled'
  ) then
    raise exception 'key is retired' using errcode = 'FX001';
  end if;
end $$;

create function functions.guard_mac() returns trigger language plpgsql as $$
begin
  perform functions.assert_key_not_retired(substring(new.mac from 1 for 8));
  return null;
end $$;

create function functions.guard_envelope() returns trigger language plpgsql as $$
begin
  perform functions.assert_key_not_retired(substring(new.envelope from 2 for 8));
  return null;
end $$;

create function functions.guard_token_mac() returns trigger language plpgsql as $$
begin
  perform functions.assert_key_not_retired(substring(new.token_mac from 1 for 8));
  return null;
end $$;

create function functions.guard_fingerprint() returns trigger language plpgsql as $$
begin
  perform functions.assert_key_not_retired(substring(new.fingerprint from 1 for 8));
  return null;
end $$;

-- Puts the guard on every column that is made with a key and has none yet. To be called again by a
-- migration that adds one.
create function functions.guard_keys() returns void language plpgsql as $$
declare
  place record;
begin
  for place in
    select c.table_schema, c.table_name, c.column_name
    from information_schema.columns c
    join information_schema.tables t using (table_schema, table_name)
    where c.table_schema in ('functions', 'app') and t.table_type = 'BASE TABLE'
      and c.data_type = 'bytea'
      and c.column_name in ('mac', 'envelope', 'token_mac', 'fingerprint')
      and not exists (
        select from information_schema.triggers g
        where g.event_object_schema = c.table_schema and g.event_object_table = c.table_name
          and g.trigger_name = 'guard_' || c.column_name
      )
  loop
    execute format(
      'create trigger %I after insert or update of %I on %I.%I
         for each row execute function functions.%I()',
      'guard_' || place.column_name, place.column_name, place.table_schema, place.table_name,
      'guard_' || place.column_name
    );
  end loop;
end $$;

select functions.guard_keys();
