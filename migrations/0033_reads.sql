-- Which of its secrets a run has read, and the lines of its log that say so.

alter table functions.executions
  -- [{name, scope, version}], a part of secrets; null when the run couldn't tell, or is older.
  add column reads jsonb;

alter table functions.execution_logs
  -- Lines of 'reads' are the server's own; no code can print one.
  add column source text not null default 'output' check (source in ('output', 'reads'));
