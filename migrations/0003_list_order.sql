-- Lists are in the order of code points, whatever the database's collation, so that a page begins
-- where the one before ended and every server answers alike. This index has that order.
create index secrets_list_order
  on functions.secrets (namespace collate "C" nulls first, name collate "C")
  where deleted_at is null;
