-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of `chanceryctl status`.

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
