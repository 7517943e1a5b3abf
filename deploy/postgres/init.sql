-- One database and one role per service; no service sees another's. Run by psql as a superuser, once or again:
--
--   INTAKE_DATABASE_PASSWORD=… EMR_BRIDGE_DATABASE_PASSWORD=… NOTIFICATIONS_DATABASE_PASSWORD=… \
--     psql -v ON_ERROR_STOP=1 -f init.sql
--
-- Each service then has postgresql://<name>:<password>@host/<name>. The role owns its database, because the
-- service's own `migrate` makes the tables. A password that was changed here is changed there too.

\getenv intake_password INTAKE_DATABASE_PASSWORD
\getenv emr_bridge_password EMR_BRIDGE_DATABASE_PASSWORD
\getenv notifications_password NOTIFICATIONS_DATABASE_PASSWORD

\if :{?intake_password} \else
  DO $$ BEGIN RAISE EXCEPTION 'INTAKE_DATABASE_PASSWORD is not set'; END $$;
\endif
\if :{?emr_bridge_password} \else
  DO $$ BEGIN RAISE EXCEPTION 'EMR_BRIDGE_DATABASE_PASSWORD is not set'; END $$;
\endif
\if :{?notifications_password} \else
  DO $$ BEGIN RAISE EXCEPTION 'NOTIFICATIONS_DATABASE_PASSWORD is not set'; END $$;
\endif

SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['intake', 'emr_bridge', 'notifications']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE intake LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'intake_password';
ALTER ROLE emr_bridge LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'emr_bridge_password';
ALTER ROLE notifications LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'notifications_password';

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', name, name)
  FROM unnest(ARRAY['intake', 'emr_bridge', 'notifications']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

REVOKE ALL ON DATABASE intake, emr_bridge, notifications FROM PUBLIC;

-- A worker that hangs in a transaction holds rows that others wait for; no transaction of ours is long.
ALTER ROLE intake SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE emr_bridge SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE notifications SET idle_in_transaction_session_timeout = '60s';
