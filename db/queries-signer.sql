-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of chancery-signer.

-- name: session_patient
-- The connection that holds the instance's row idles in a transaction.
SELECT set_config('idle_in_transaction_session_timeout', '0', false);

-- name: instance_insert
INSERT INTO chancery.instance (process, host) VALUES ('signer', $1::text)
RETURNING id;

-- name: instance_lock
SELECT id FROM chancery.instance WHERE id = $1::bigint FOR UPDATE NOWAIT;

-- name: instance_end
UPDATE chancery.instance SET ended = clock_timestamp() WHERE id = $1::bigint;

-- name: instance_before
-- The run before this one: did it end cleanly?
SELECT ended IS NOT NULL FROM chancery.instance
WHERE process = 'signer' AND id < $1::bigint ORDER BY id DESC LIMIT 1;

-- name: policy
SELECT p.id, p.name, p.version::bigint, p.body, p.seal,
    i.id, i.name, i.certificate, i.root, i.key_id, i.seal
FROM chancery.profile p JOIN chancery.issuer i ON i.id = p.issuer_id
WHERE p.name = $1::text ORDER BY p.version DESC LIMIT 1;

-- name: log_lock
SELECT size FROM chancery.log_head FOR UPDATE;

-- name: log_append
WITH head AS (
	UPDATE chancery.log_head SET size = $1::bigint + 1)
INSERT INTO chancery.log_entry (index, kind, entry, leaf_hash)
VALUES ($1::bigint, $2::text, $3::bytea, $4::bytea);

-- name: log_last
SELECT entry FROM chancery.log_entry ORDER BY index DESC LIMIT 1;

-- name: evidence_waiting
-- Evidence that is not in the log yet, from id $1 on.
SELECT e.id, e.authorization_id, z.public, e.account_id, a.public,
    e.thumbprint, e.type, e.value, e.wildcard, e.method, e.result, e.problem,
    e.transcript, floor(extract(epoch FROM e.at))::bigint,
    floor(extract(epoch FROM e.valid_until))::bigint
FROM chancery.evidence e
LEFT JOIN chancery.account a ON a.id = e.account_id
LEFT JOIN chancery.authz z ON z.id = e.authorization_id
WHERE e.id >= $1::bigint AND NOT EXISTS (
	SELECT FROM chancery.evidence_logged l WHERE l.evidence_id = e.id)
ORDER BY e.id LIMIT $2::bigint;

-- name: evidence_logged
INSERT INTO chancery.evidence_logged (evidence_id, index)
VALUES ($1::bigint, $2::bigint);

-- name: evidence_find
-- For each of the names $3 (a JSON array), the newest evidence that counts.
SELECT f.id, f.index
FROM jsonb_array_elements($3::text::jsonb) WITH ORDINALITY n(x, place)
LEFT JOIN LATERAL (
	SELECT e.id, l.index FROM chancery.evidence e
	LEFT JOIN chancery.evidence_logged l ON l.evidence_id = e.id
	WHERE e.account_id = $1::bigint AND e.thumbprint = $2::bytea
	    AND e.type = n.x ->> 'type' AND e.value = n.x ->> 'value'
	    AND e.wildcard = (n.x ->> 'wildcard')::boolean
	    AND n.x -> 'methods' ? e.method AND e.result = 'valid'
	    AND e.valid_until > clock_timestamp()
	    AND NOT EXISTS (
		SELECT FROM chancery.authorization_end d
		WHERE d.authorization_id = e.authorization_id)
	ORDER BY e.id DESC LIMIT 1) f ON true
ORDER BY n.place;

-- name: request_poison
-- Take the oldest waiting request alone and count it before it is touched.
UPDATE chancery.request SET attempts = attempts + 1 WHERE id = (
	SELECT w.id FROM chancery.request w
	WHERE w.id > $1::bigint AND NOT EXISTS (
		SELECT FROM chancery.outcome u WHERE u.request_id = w.id)
	    AND NOT EXISTS (
		SELECT FROM chancery.intent i WHERE i.request_id = w.id)
	ORDER BY w.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, attempts::bigint;

-- name: request_claim
-- Waiting requests from id $1 on, at most $2, round-robin over accounts; or
-- with $3 not 0 that one alone.
SELECT r.id, r.kind, r.account_id, r.object_id, r.jws, r.digest,
    a.public, a.thumbprint, a.jwk, a.status, a.contact, a.seal,
    o.jws, floor(extract(epoch FROM o.expires))::bigint, z.public, z.account_id,
    (SELECT c.id FROM chancery.certificate c WHERE c.order_id = o.id),
    EXISTS (SELECT FROM chancery.intent i WHERE i.order_id = o.id
	AND NOT EXISTS (SELECT FROM chancery.closing k
	    WHERE k.intent = i.index)),
    EXISTS (SELECT FROM chancery.request x
	JOIN chancery.outcome y ON y.request_id = x.id
	WHERE x.object_id = o.id AND x.kind = 'finalize'
	    AND y.result = 'refused' AND y.terminal)
FROM (
	SELECT w.id, row_number() OVER (PARTITION BY w.account_id
	    ORDER BY w.id) AS turn
	FROM chancery.request w
	WHERE w.id >= $1::bigint AND ($3::bigint = 0 OR w.id = $3::bigint)
	    AND NOT EXISTS (
		SELECT FROM chancery.outcome u WHERE u.request_id = w.id)
	    AND NOT EXISTS (
		SELECT FROM chancery.intent i WHERE i.request_id = w.id)
	ORDER BY turn, w.id LIMIT $2::bigint) q
JOIN chancery.request r ON r.id = q.id
LEFT JOIN chancery.account a ON a.id = r.account_id
LEFT JOIN chancery.orders o ON r.kind = 'finalize' AND o.id = r.object_id
LEFT JOIN chancery.authz z ON r.kind = 'authz-deactivate'
    AND z.id = r.object_id
ORDER BY q.turn, r.id
FOR NO KEY UPDATE OF r SKIP LOCKED;

-- name: request_again
-- The request of an open intent, in the columns of request_claim.
SELECT r.id, r.kind, r.account_id, r.object_id, r.jws, r.digest,
    a.public, a.thumbprint, a.jwk, a.status, a.contact, a.seal,
    o.jws, floor(extract(epoch FROM o.expires))::bigint, NULL::bytea,
    NULL::bigint, NULL::bigint, false, false
FROM chancery.request r
LEFT JOIN chancery.account a ON a.id = r.account_id
LEFT JOIN chancery.orders o ON o.id = r.object_id
WHERE r.id = $1::bigint AND r.kind = 'finalize';

-- name: key_owner
SELECT account_id FROM chancery.account_key WHERE thumbprint = $1::bytea;

-- name: id_new
SELECT chancery.new_id();

-- name: account_insert
-- Account, its key and the outcome of request $7.
WITH made AS (
	INSERT INTO chancery.account (id, public, thumbprint, jwk, status,
	    contact, request_id, seal)
	VALUES ($1::bigint, $2::bytea, $3::bytea, $4::text, $5::text,
	    $6::text, $7::bigint, $8::bytea)
	RETURNING id),
owned AS (
	INSERT INTO chancery.account_key (thumbprint, account_id)
	SELECT $3::bytea, id FROM made)
INSERT INTO chancery.outcome (request_id, result, terminal, account_id)
SELECT $7::bigint, 'done', true, id FROM made;

-- name: account_change
WITH changed AS (
	UPDATE chancery.account SET status = $2::text, contact = $3::text,
	    seal = $4::bytea
	WHERE id = $1::bigint RETURNING id)
INSERT INTO chancery.outcome (request_id, result, terminal, account_id)
SELECT $5::bigint, 'done', true, id FROM changed;

-- name: authz_end
WITH ended AS (
	INSERT INTO chancery.authorization_end (authorization_id, kind,
	    request_id)
	VALUES ($1::bigint, 'deactivated', $2::bigint)
	ON CONFLICT (authorization_id) DO NOTHING)
INSERT INTO chancery.outcome (request_id, result, terminal)
VALUES ($2::bigint, 'done', true);

-- name: outcome_insert
INSERT INTO chancery.outcome (request_id, result, terminal, problem,
    account_id, certificate_id)
VALUES ($1::bigint, $2::text, $3::boolean, $4::text, $5::bigint,
    $6::bigint);

-- name: intent_insert
INSERT INTO chancery.intent (index, request_id, order_id, account_id,
    issuer_id, profile_id, serial, tbs, spki_hash, instance)
VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint,
    $6::bigint, $7::bytea, $8::bytea, $9::bytea, $10::bigint);

-- name: intent_lock
-- Still ours and still open?
SELECT index FROM chancery.intent i
WHERE i.index = $1::bigint AND i.instance = $2::bigint AND NOT EXISTS (
	SELECT FROM chancery.closing k WHERE k.intent = i.index)
FOR UPDATE;

-- name: intent_take
-- Take over what dead runs left open, from index $2 on.
WITH dead AS MATERIALIZED (
	SELECT id FROM chancery.instance
	WHERE process = 'signer' AND id <> $1::bigint
	FOR UPDATE SKIP LOCKED)
UPDATE chancery.intent i SET instance = $1::bigint
FROM dead
WHERE i.instance = dead.id AND i.index >= $2::bigint
    AND i.request_id IS NOT NULL AND NOT EXISTS (
	SELECT FROM chancery.closing k WHERE k.intent = i.index)
RETURNING i.index;

-- name: intent_open
-- Our open intents, with the entry of the log that announced each.
SELECT i.index, i.request_id, i.order_id, i.account_id, i.issuer_id,
    i.profile_id, i.serial, i.tbs, e.entry
FROM chancery.intent i JOIN chancery.log_entry e ON e.index = i.index
WHERE i.instance = $1::bigint AND i.index >= $2::bigint
    AND i.request_id IS NOT NULL AND e.kind = 'intent' AND NOT EXISTS (
	SELECT FROM chancery.closing k WHERE k.intent = i.index)
ORDER BY i.index;

-- name: result_insert
-- The end of intent $1: entry $2 of the log, certificate, outcome.
WITH made AS (
	INSERT INTO chancery.certificate (public, serial, intent, order_id,
	    account_id, issuer_id, der, not_before, not_after)
	VALUES ($3::bytea, $4::bytea, $1::bigint, $5::bigint, $6::bigint,
	    $7::bigint, $8::bytea, to_timestamp($9::bigint),
	    to_timestamp($10::bigint))
	RETURNING id),
closed AS (
	INSERT INTO chancery.closing (intent, index)
	VALUES ($1::bigint, $2::bigint))
INSERT INTO chancery.outcome (request_id, result, terminal, certificate_id)
SELECT $11::bigint, 'done', true, id FROM made;

-- name: intent_abandon
WITH closed AS (
	INSERT INTO chancery.closing (intent, index)
	VALUES ($1::bigint, $2::bigint))
INSERT INTO chancery.outcome (request_id, result, terminal, problem)
VALUES ($3::bigint, 'refused', true, $4::text);
