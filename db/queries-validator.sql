-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of chancery-validator (db/queries.awk turns them into C).

-- name: instance_unclean
-- Earlier runs on this host that did not end cleanly and do not live any more
-- (a living one holds its row): each is found once, by the first start after
-- it.
UPDATE chancery.instance SET ended = clock_timestamp() WHERE id IN (
	SELECT i.id FROM chancery.instance i
	WHERE i.process = 'validator' AND i.host = $1::text
	    AND i.id < $2::bigint AND i.ended IS NULL
	FOR UPDATE SKIP LOCKED)
RETURNING id;

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
-- What waits for us: clients that are ready and have no evidence yet, and
-- names whose CAA the signer wants looked at again.  At most $1, with ids from
-- $4 on and below $5, without authorizations ($2) and rows ($3) that are in
-- our hands.  A client that is ready once more asks for another try
-- (RFC 8555, 8.2): its newest word counts, under the key of that moment (8.1).
-- Most rows of the range are done: they are left out before anything is joined.
-- Nothing is locked: of two validators that take the same row the first to
-- finish has decided.
WITH waiting AS MATERIALIZED (
	SELECT r.id FROM chancery.challenge_ready r
	WHERE r.id >= $4::bigint AND r.id < $5::bigint
	    AND NOT EXISTS (
		SELECT FROM chancery.evidence e
		WHERE e.authorization_id = r.authorization_id)
	    AND NOT EXISTS (
		SELECT FROM chancery.authorization_end x
		WHERE x.authorization_id = r.authorization_id)),
    wanted AS MATERIALIZED (
	SELECT w.id FROM chancery.caa_wanted w
	WHERE w.id >= $4::bigint AND w.id < $5::bigint
	    AND NOT EXISTS (
		SELECT FROM chancery.evidence e WHERE e.wanted_id = w.id))
SELECT r.id, r.authorization_id, r.method, r.attempts, a.token, a.account_id,
    a.type, a.value, a.wildcard, r.thumbprint, c.public, false AS caa_only,
    (extract(epoch FROM clock_timestamp() - r.at) * 1000)::bigint AS age
FROM waiting w
JOIN chancery.challenge_ready r ON r.id = w.id
JOIN chancery.authz a ON a.id = r.authorization_id
    AND r.method = ANY (a.methods)
JOIN chancery.account c ON c.id = a.account_id
JOIN chancery.account_key k
    ON k.thumbprint = r.thumbprint AND k.account_id = a.account_id
WHERE r.authorization_id <> ALL ($2::text::bigint[])
    AND r.id <> ALL ($3::text::bigint[])
    AND c.status = 'valid'
    AND a.expires > statement_timestamp()
    AND NOT EXISTS (
	SELECT FROM chancery.challenge_ready n
	WHERE n.authorization_id = r.authorization_id
	    AND n.method = r.method AND n.id > r.id)
UNION ALL
SELECT r.id, 0, r.method, r.attempts, '', r.account_id,
    r.type, r.value, r.wildcard, c.thumbprint, c.public, true, 0
FROM wanted w
JOIN chancery.caa_wanted r ON r.id = w.id
JOIN chancery.account c ON c.id = r.account_id
WHERE r.id <> ALL ($3::text::bigint[])
ORDER BY 1
LIMIT $1::bigint;

-- name: challenge_attempt
UPDATE chancery.challenge_ready SET attempts = attempts + 1
WHERE id = $1::bigint;

-- name: caa_attempt
UPDATE chancery.caa_wanted SET attempts = attempts + 1
WHERE id = $1::bigint;

-- name: evidence_insert
-- Whoever was first has decided: there is one row for an authorization, and
-- one for each wanted look at CAA.
INSERT INTO chancery.evidence (authorization_id, wanted_id, account_id,
    thumbprint, type, value, wildcard, method, proven_by, result, problem,
    transcript, caa_seconds)
VALUES (nullif($1::bigint, 0), nullif($2::bigint, 0), $3::bigint, $4::bytea,
    $5::text, $6::text, $7::boolean, $8::text, $9::text, $10::text, $11::text,
    $12::text, ($13::bigint)::integer)
ON CONFLICT DO NOTHING;
