-- When a secret was deleted and brought back, so that a place can be made what it was at a moment in
-- between: [[deleted, restored], …] in milliseconds since 1970, oldest first; text, since the MAC
-- covers it letter by letter.
alter table functions.secrets
  add column absences text not null default '[]';
