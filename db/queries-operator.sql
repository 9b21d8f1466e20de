-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of chanceryctl as the operator: status, lists, acts of officers.

-- name: operator_issuers
SELECT name, certificate, root FROM chancery.issuer ORDER BY id LIMIT 100;

-- name: operator_connections
-- Who is connected: a process without a connection does no work.
SELECT usename::text, count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND usename LIKE 'chancery\_%'
GROUP BY 1;

-- name: operator_counts
WITH waiting AS (
	SELECT r.received AS at FROM chancery.request r WHERE NOT EXISTS (
	    SELECT FROM chancery.outcome u WHERE u.request_id = r.id)
), open AS (
	SELECT i.at FROM chancery.intent i WHERE NOT EXISTS (
	    SELECT FROM chancery.closing c WHERE c.intent = i.index)
)
SELECT (SELECT size FROM chancery.log_head),
    (SELECT count(id) FROM chancery.certificate),
    (SELECT count(id) FROM chancery.certificate
	WHERE not_after > clock_timestamp()),
    (SELECT count(*) FROM waiting),
    (SELECT count(*) FROM open),
    extract(epoch FROM clock_timestamp() - least((SELECT min(at) FROM waiting),
	(SELECT min(at) FROM open)))::bigint,
    (SELECT count(*) FROM chancery.outcome u WHERE u.result = 'refused'
	AND u.at > clock_timestamp() - interval '1 day'),
    (SELECT extract(epoch FROM max(at))::bigint FROM chancery.certificate);

-- name: operator_directive
-- The newest version, ended or not.
SELECT name, version::bigint, body, hash FROM chancery.directive
WHERE kind = $1::text AND name = $2::text ORDER BY version DESC LIMIT 1;

-- name: operator_directives
SELECT name, version::bigint, body, extract(epoch FROM created)::bigint
FROM (SELECT DISTINCT ON (d.name) d.name, d.version, d.body, d.created
    FROM chancery.directive d WHERE d.kind = $1::text
    ORDER BY d.name, d.version DESC) AS newest
WHERE body <> 'null' ORDER BY name;

-- name: operator_profile
SELECT name, version::bigint, body, hash FROM chancery.profile
WHERE name = $1::text ORDER BY version DESC LIMIT 1;

-- name: operator_profiles
SELECT name, version::bigint, body, extract(epoch FROM created)::bigint
FROM (SELECT DISTINCT ON (p.name) p.name, p.version, p.body, p.created
    FROM chancery.profile p ORDER BY p.name, p.version DESC) AS newest
WHERE body <> 'null' ORDER BY name;

-- name: operator_bound
-- Accounts that each EAB key was used for.
SELECT eab, count(id) FROM chancery.account WHERE eab IS NOT NULL GROUP BY eab;

-- name: operator_accounts
-- The newest ones, of one EAB key or of all.
SELECT id, public, status, eab, extract(epoch FROM created)::bigint
FROM chancery.account WHERE $1::text IS NULL OR eab = $1::text
ORDER BY id DESC LIMIT 1000;

-- name: operator_account
SELECT id, public, status, eab, extract(epoch FROM created)::bigint
FROM chancery.account WHERE id = $1::bigint;

-- name: act_insert
INSERT INTO chancery.request (kind, jws, digest)
VALUES ('officer-act', $1::bytea, $2::bytea) RETURNING id;

-- name: act_outcome
SELECT result, problem, detail FROM chancery.outcome
WHERE request_id = $1::bigint;
