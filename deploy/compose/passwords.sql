-- Gives each service's role (made by deploy/postgres/init.sql) its password from the environment.
\getenv intake INTAKE_DB_PASSWORD
\getenv emr_bridge EMR_BRIDGE_DB_PASSWORD
\getenv notifications NOTIFICATIONS_DB_PASSWORD
ALTER ROLE intake LOGIN PASSWORD :'intake';
ALTER ROLE emr_bridge LOGIN PASSWORD :'emr_bridge';
ALTER ROLE notifications LOGIN PASSWORD :'notifications';
