-- The three login roles, and the database that the owner has: what a superuser does once for a server. The services make
-- everything else. It may be run again, and then gives the roles the passwords that the environment has now:
--
--   docker compose exec postgres psql --username postgres --file /docker-entrypoint-initdb.d/roles.sql

\set ON_ERROR_STOP on
\getenv owner_password DB_OWNER_PASSWORD
\getenv writer_password DB_WRITER_PASSWORD
\getenv reader_password DB_READER_PASSWORD

SELECT format('CREATE ROLE %I', role)
FROM (VALUES ('counterfoil_owner'), ('counterfoil_writer'), ('counterfoil_reader')) AS wanted (role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

-- Makes and changes tables. CREATEDB: a dropped database comes back by itself.
ALTER ROLE counterfoil_owner LOGIN CREATEDB PASSWORD :'owner_password';
-- Applies records.
ALTER ROLE counterfoil_writer LOGIN PASSWORD :'writer_password';
-- Answers queries, and can do nothing but SELECT.
ALTER ROLE counterfoil_reader LOGIN PASSWORD :'reader_password';

-- So that the owner can drop its database although the others are connected to it.
GRANT counterfoil_writer, counterfoil_reader TO counterfoil_owner;

SELECT 'CREATE DATABASE counterfoil OWNER counterfoil_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'counterfoil') \gexec
