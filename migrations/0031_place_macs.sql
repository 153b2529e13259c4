-- The global scope and the list of namespaces are in no list, so nothing authenticates them as places.
-- Not valid: heads from before wait to be adopted.
alter table functions.heads
  add constraint heads_place_mac_where_listed
    check ((place_mac is null) = (namespace is null or namespace = '@namespaces')) not valid;
