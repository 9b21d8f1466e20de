-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of chancery-validator (db/queries.awk turns them into C).

-- name: instance_unclean
-- The last run on this host did not end cleanly, and does not live any more
-- (a living one holds its row).
SELECT i.id
FROM chancery.instance i
WHERE i.id = (
	SELECT max(l.id) FROM chancery.instance l
	WHERE l.process = 'validator' AND l.host = $1::text)
    AND i.ended IS NULL
FOR UPDATE SKIP LOCKED;

-- name: instance_insert
INSERT INTO chancery.instance (process, host) VALUES ('validator', $1::text)
RETURNING id;

-- name: instance_patience
-- The lock on our row is held by a transaction that is meant to be idle.
SELECT set_config('idle_in_transaction_session_timeout', '0', false);

-- name: instance_lock
SELECT id FROM chancery.instance WHERE id = $1::bigint FOR UPDATE NOWAIT;

-- name: instance_end
UPDATE chancery.instance SET ended = clock_timestamp() WHERE id = $1::bigint;

-- name: challenge_waiting
-- Clients that are ready and have no evidence yet: at most $1, without those
-- in our hands ($2), with ids from $3 on and below $4.  Most rows of the range
-- are done: they are left out before anything is joined.  Nothing is locked: of
-- two validators that take the same row the first to finish has decided.
WITH waiting AS MATERIALIZED (
	SELECT r.id FROM chancery.challenge_ready r
	WHERE r.id >= $3::bigint AND r.id < $4::bigint
	    AND NOT EXISTS (
		SELECT FROM chancery.evidence e
		WHERE e.authorization_id = r.authorization_id)
	    AND NOT EXISTS (
		SELECT FROM chancery.authorization_end x
		WHERE x.authorization_id = r.authorization_id))
SELECT r.id, r.authorization_id, r.method, r.attempts, c.token,
    a.account_id, a.type, a.value, a.wildcard, k.thumbprint, k.public
FROM waiting w
JOIN chancery.challenge_ready r ON r.id = w.id
JOIN chancery.challenge c
    ON c.authorization_id = r.authorization_id AND c.method = r.method
JOIN chancery.authz a ON a.id = r.authorization_id
JOIN chancery.account k ON k.id = a.account_id
WHERE r.id <> ALL ($2::text::bigint[])
    AND k.status = 'valid'
    AND a.expires > statement_timestamp()
ORDER BY r.id
LIMIT $1::bigint;

-- name: challenge_attempt
UPDATE chancery.challenge_ready SET attempts = attempts + 1
WHERE id = $1::bigint;

-- name: evidence_insert
-- Whoever was first has decided: there is one row for an authorization.
INSERT INTO chancery.evidence (authorization_id, account_id, thumbprint,
    type, value, wildcard, method, result, problem, transcript)
VALUES ($1::bigint, $2::bigint, $3::bytea, $4::text, $5::text, $6::boolean,
    $7::text, $8::text, $9::text, $10::text)
ON CONFLICT (authorization_id) DO NOTHING;
