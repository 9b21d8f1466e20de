-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of `chanceryctl db migrate`, as the owner role.  The first is
-- prepared before there is a schema, the others after.

-- name: migrate_facts
-- The roles that cluster.sql makes and that are not there; is there a schema?
SELECT coalesce(string_agg(w.role, ', '), '')::text,
    to_regclass('chancery.schema_version') IS NOT NULL
FROM unnest(ARRAY['chancery_acme', 'chancery_validator', 'chancery_signer',
    'chancery_publisher', 'chancery_operator']) AS w(role)
WHERE NOT EXISTS (
	SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = w.role);

-- name: migrate_version
SELECT max(version)::bigint, max(applied)::text FROM chancery.schema_version;
