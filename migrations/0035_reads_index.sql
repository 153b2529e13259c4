-- Who has read a secret is asked by its name.
create index executions_reads on functions.executions using gin (reads jsonb_path_ops);
