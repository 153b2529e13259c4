-- Counts of what has expired or soon will read this and not every secret.
create index secrets_expiring on functions.secrets (expires_at)
  where deleted_at is null and expires_at is not null;
