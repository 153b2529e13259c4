-- Guards the columns that were added since; see key rotation.
select functions.guard_keys();
