#!/bin/bash
# Run by PostgreSQL's image when its volume is new: databases, and a role for workers that owns nothing.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --set password="$WORKER_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE DATABASE auth;
CREATE DATABASE tuning;
CREATE ROLE worker LOGIN PASSWORD :'password';
REVOKE CONNECT ON DATABASE mlflow, auth, postgres, template1 FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE tuning FROM PUBLIC;
\connect tuning
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO worker;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO worker;
SQL
