-- Settings secrets: configuration of the application (system) and keys of its users. One value each,
-- without a history. Values are sealed; what a function sees is the name in capitals with _ for dots.

create schema if not exists app;

create table app.settings (
  id uuid primary key,
  key text not null,
  scope text not null,
  -- Whose it is; null for the system's. Text, since it is whatever the tokens' issuer calls a user.
  user_id text,
  description text,
  -- Goes up with every change. Not shown as a version: earlier values are gone.
  revision int not null,
  -- The sealed value; place, id and revision are its associated data.
  envelope bytea not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_by text,
  updated_by text,
  mac bytea not null,
  constraint settings_scope_known check (scope in ('system', 'user')),
  constraint settings_scope_user_agree check ((scope = 'system') = (user_id is null)),
  constraint settings_key_form check (key ~ '^[A-Za-z][A-Za-z0-9._-]{0,127}$'),
  constraint settings_user_form check (length(user_id) between 1 and 255),
  constraint settings_revision_positive check (revision >= 1)
);

-- Two keys that a function would see under one name cannot both be there. The collation is named,
-- since in some languages the capital of i is not I.
create unique index settings_name_unique
  on app.settings (user_id, (upper(replace(key, '.', '_') collate "C"))) nulls not distinct;
