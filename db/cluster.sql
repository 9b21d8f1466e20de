-- SPDX-License-Identifier: Apache-2.0
--
-- Run once by PostgreSQL's superuser inside the database made for Chancery:
--	psql -X -d chancery -f cluster.sql
-- Makes the roles, and takes from PUBLIC in this database what a stolen
-- process could use against the others: temporary and large objects, advisory
-- locks, sleeping, running SQL given as text, new functions.  What each role
-- may do with Chancery's own tables is in roles.sql.  Running it again
-- changes nothing but what somebody weakened since.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
BEGIN;

DO $$
BEGIN
	IF current_database() IN ('postgres', 'template0', 'template1') THEN
		RAISE EXCEPTION 'run this inside Chancery''s own database';
	END IF;
	IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
	THEN
		RAISE EXCEPTION 'run this as PostgreSQL''s superuser';
	END IF;
END $$;

-- The roles.  A role may change its own settings and password: both are put
-- back here.  The timeouts are defaults that keep an honest process from
-- hanging; the connection and temporary file limits bind a thief too.
CREATE TEMPORARY TABLE wanted (role name, connections integer,
    statement text, lock text, idle text, temp_file text) ON COMMIT DROP;
INSERT INTO wanted VALUES
    ('chancery', -1, '0', '0', '0', '-1'),
    ('chancery_acme', 64, '10s', '5s', '10s', '32MB'),
    ('chancery_validator', 16, '10s', '5s', '10s', '32MB'),
    ('chancery_signer', 16, '30s', '10s', '30s', '256MB'),
    ('chancery_publisher', 8, '10s', '5s', '10s', '32MB'),
    ('chancery_operator', 8, '60s', '5s', '60s', '256MB');

DO $$
DECLARE w record; d name := current_database();
BEGIN
	FOR w IN SELECT * FROM wanted LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = w.role)
		THEN
			EXECUTE format('CREATE ROLE %I', w.role);
		END IF;
		EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB
		    NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
		    CONNECTION LIMIT %s PASSWORD NULL', w.role, w.connections);
		EXECUTE format('ALTER ROLE %I RESET ALL', w.role);
		EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL',
		    w.role, d);
		EXECUTE format('ALTER ROLE %I IN DATABASE %I
		    SET statement_timeout = %L', w.role, d, w.statement);
		EXECUTE format('ALTER ROLE %I IN DATABASE %I
		    SET lock_timeout = %L', w.role, d, w.lock);
		EXECUTE format('ALTER ROLE %I IN DATABASE %I
		    SET idle_in_transaction_session_timeout = %L',
		    w.role, d, w.idle);
		EXECUTE format('ALTER ROLE %I IN DATABASE %I
		    SET temp_file_limit = %L', w.role, d, w.temp_file);
	END LOOP;
END $$;

-- No role of ours is a member of another role, nor another of it.
DO $$
DECLARE m record;
BEGIN
	FOR m IN SELECT g.rolname AS role, u.rolname AS member
	    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
	    JOIN pg_roles u ON u.oid = a.member
	    WHERE u.rolname IN (SELECT role FROM wanted) LOOP
		EXECUTE format('REVOKE %I FROM %I', m.role, m.member);
	END LOOP;
END $$;

-- The database: only our roles connect, only the owner creates.
DO $$
DECLARE d name := current_database();
BEGIN
	EXECUTE format('ALTER DATABASE %I OWNER TO chancery', d);
	EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, chancery_acme,
	    chancery_validator, chancery_signer, chancery_publisher,
	    chancery_operator', d);
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO chancery_acme,
	    chancery_validator, chancery_signer, chancery_publisher,
	    chancery_operator', d);
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- No code of one's own: neither functions nor DO.
REVOKE USAGE ON LANGUAGE plpgsql, sql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql, sql TO chancery;
ALTER DEFAULT PRIVILEGES FOR ROLE chancery
    REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- No large objects; the owner reads their catalogue for pg_dump.
REVOKE ALL ON pg_catalog.pg_largeobject, pg_catalog.pg_largeobject_metadata
    FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_largeobject_metadata TO chancery;

DO $$
DECLARE f regprocedure;
BEGIN
	FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
	    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ (
		'^(lo_.*|loread|lowrite'			-- large objects
		'|pg_(try_)?advisory_.*'			-- locks
		'|pg_notify|pg_sleep.*|pg_export_snapshot'
		'|pg_cancel_backend|pg_terminate_backend'
		'|pg_logical_.*|pg_.*replication_slot.*|pg_replication_.*'
		'|(query|cursor|table|schema|database)_to_xml.*' -- SQL as text
		'|ts_stat|ts_rewrite'
		'|pg_ls_.*|pg_read_.*|pg_stat_file|pg_file_.*' -- server's files
		'|pg_current_logfile|pg_rotate_logfile.*'
		'|pg_import_system_collations|pg_nextoid'
		'|pg_stop_making_pinned_objects|binary_upgrade_.*'
		'|brin_(de)?summarize.*|gin_clean_pending_list)$') LOOP
		EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
	END LOOP;
END $$;

COMMIT;
