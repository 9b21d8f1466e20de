-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of chancery-acme.  Each may run twice with the same effect
-- (server/pool.c repeats one whose connection was lost under it), except
-- nonce_spend, which then refuses a nonce once too often, and limits_take,
-- which then counts a request twice.

-- name: nonce_key_make
-- The first start of all makes the key that all nodes share.
INSERT INTO chancery.nonce_key (key) VALUES ($1::bytea)
ON CONFLICT DO NOTHING;

-- name: nonce_key
SELECT key FROM chancery.nonce_key;

-- name: nonce_spend
-- No row when it was spent before.
INSERT INTO chancery.nonce_spent (nonce) VALUES ($1::bytea)
ON CONFLICT DO NOTHING RETURNING true;

-- name: account_by_id
SELECT id, public, jwk, status, contact, terms, eab, external, request_id
FROM chancery.account WHERE id = $1::bigint;

-- name: account_by_key
-- Whose key it is or was.
SELECT a.id, a.public, a.jwk, a.status, a.contact, a.terms, a.eab,
    a.external, a.request_id
FROM chancery.account_key k
JOIN chancery.account a ON a.id = k.account_id
WHERE k.thumbprint = $1::bytea;

-- name: directives_since
SELECT id, kind, name, version::bigint, body FROM chancery.directive
WHERE id > $1::bigint ORDER BY id;

-- name: profiles_since
SELECT id, name, version::bigint, body FROM chancery.profile
WHERE id > $1::bigint ORDER BY id;

-- name: orders_of_account
-- Newest first, those below $2; looks at $3 of them, returns at most $4.  A
-- row without a secret when there are more: the id that the look ended at.
WITH seen AS (
	SELECT id, digest FROM chancery.orders
	WHERE account_id = $1::bigint AND id < $2::bigint
	ORDER BY id DESC LIMIT $3::bigint
)
(SELECT o.id, substr(o.digest, 1, 16) AS public FROM seen o
JOIN chancery.order_status s ON s.id = o.id
WHERE s.status <> 'invalid' ORDER BY o.id DESC LIMIT $4::bigint)
UNION ALL
(SELECT min(id), NULL FROM seen HAVING count(*) = $3::bigint);

-- name: request_insert
-- No row when the digest is there already: then request_by_digest.
INSERT INTO chancery.request (kind, account_id, object_id, jws, digest)
VALUES ($1::text, $2::bigint, $3::bigint, $4::bytea, $5::bytea)
ON CONFLICT DO NOTHING RETURNING id;

-- name: request_by_digest
SELECT id FROM chancery.request WHERE digest = $1::bytea;

-- name: outcome
SELECT result = 'done', problem, account_id
FROM chancery.outcome WHERE request_id = $1::bigint;

-- name: arrived
-- For all who wait: $1 request ids (kind 0), $2 authorization ids (kind 1).
-- With what the reply needs (struct arrival).
SELECT 0::bigint, u.request_id, u.result = 'done', u.problem, u.account_id,
    u.certificate_id, c.public, NULL, NULL
FROM chancery.outcome u
LEFT JOIN chancery.certificate c ON c.id = u.certificate_id
WHERE u.request_id = ANY ($1::text::bigint[])
UNION ALL
SELECT 1::bigint, e.authorization_id, e.result = 'valid', e.problem, NULL,
    NULL, NULL, e.method, extract(epoch FROM e.at)::bigint
FROM chancery.evidence e
WHERE e.authorization_id = ANY ($2::text::bigint[]);

-- name: limits_take
-- $1: [{i, source, key, type, value, seconds, offset}] (server/limit.h), $2:
-- the account.  One row for each limit in force: its i, and the seconds until
-- the one that is `offset` behind the last has gone.  When there is none the
-- request is counted.  An authorization is pending for seven days at most.
WITH asked AS (
	SELECT t.*, (extract(epoch FROM statement_timestamp()) * 1000000
	    - t.seconds::bigint * 1000000)::bigint << 11 AS since
	FROM jsonb_to_recordset($1::text::jsonb) AS t (i integer,
	    source text, key text, type text, value text, seconds integer,
	    "offset" integer)
), ends AS (
	SELECT a.i, (r.id >> 11) / 1000000.0 + a.seconds AS ends
	FROM asked a CROSS JOIN LATERAL (
	    SELECT e.id FROM chancery.rate_event e
	    WHERE e.key = a.key AND e.id > a.since
	    ORDER BY e.id DESC OFFSET a."offset" LIMIT 1) r
	WHERE a.source = 'event'
	UNION ALL
	SELECT a.i, (r.id >> 11) / 1000000.0 + a.seconds
	FROM asked a CROSS JOIN LATERAL (
	    SELECT v.id FROM chancery.evidence v
	    WHERE v.account_id = $2::bigint AND v.type = a.type
	    AND v.value = a.value AND v.id > a.since
	    AND v.result = 'invalid' AND v.authorization_id IS NOT NULL
	    ORDER BY v.id DESC OFFSET a."offset" LIMIT 1) r
	WHERE a.source = 'failure'
	UNION ALL
	SELECT a.i, extract(epoch FROM r.expires)
	FROM asked a CROSS JOIN LATERAL (
	    SELECT s.expires FROM chancery.authz z
	    JOIN chancery.authorization_status s ON s.id = z.id
	    WHERE z.account_id = $2::bigint AND s.status = 'pending'
	    AND z.id > (extract(epoch FROM statement_timestamp()
	    - interval '8 days') * 1000000)::bigint << 11
	    ORDER BY s.expires DESC OFFSET a."offset" LIMIT 1) r
	WHERE a.source = 'pending'
), counted AS (
	INSERT INTO chancery.rate_event (key)
	SELECT a.key FROM asked a
	WHERE a.source = 'event' AND NOT EXISTS (SELECT FROM ends)
)
SELECT i::bigint, greatest(1, ceil(ends -
    extract(epoch FROM statement_timestamp())))::bigint
FROM ends ORDER BY i;

-- name: order_insert
-- $4: [{type, value, wildcard, granted, methods, public (hexadecimal),
-- token}].  A name whose newest proof outlives the order (its default in
-- schema.sql) keeps that authorization when $5 says so.  $8, $9: seconds.
-- What the reply needs; names as in order_status.
-- No row when the digest is there already: then order_by_digest; or when
-- another order took $11 and $12.
WITH name AS (
	SELECT t.*, r.id, r.secret FROM jsonb_to_recordset($4::text::jsonb) AS
	    t (type text, value text, wildcard boolean,
	    granted boolean, methods text, public text, token text)
	LEFT JOIN LATERAL (
		SELECT a.id, a.public AS secret FROM chancery.evidence e
		JOIN chancery.authz a ON a.id = e.authorization_id
		WHERE e.account_id = $1::bigint AND e.type = t.type
		AND e.value = t.value AND e.wildcard = t.wildcard
		AND e.result = 'valid' AND e.valid_until >
		    statement_timestamp() + interval '7 days'
		AND e.method = ANY (t.methods::text[])
		AND NOT EXISTS (SELECT FROM chancery.authorization_end x
		    WHERE x.authorization_id = e.authorization_id)
		ORDER BY e.id DESC LIMIT 1) r ON $5::boolean
), new_order AS (
	INSERT INTO chancery.orders (account_id, jws, digest, profile,
	    profile_hash, not_before, not_after, replaces,
	    replaces_certificate, replaces_attempt)
	VALUES ($1::bigint, $2::bytea, $3::bytea, $6::text, $7::bytea,
	    to_timestamp($8::bigint), to_timestamp($9::bigint), $10::text,
	    $11::bigint, $12::bigint)
	ON CONFLICT DO NOTHING RETURNING id, expires
), new_authz AS (
	INSERT INTO chancery.authz (public, account_id, type, value, wildcard,
	    granted, token, methods)
	SELECT decode(name.public, 'hex'), $1::bigint, name.type, name.value,
	    name.wildcard, name.granted, name.token, name.methods::text[]
	FROM name, new_order WHERE name.id IS NULL
	RETURNING id, public, type, value, wildcard, granted
), placed AS (
	SELECT p.*, row_number() OVER (ORDER BY type COLLATE "C",
	    value COLLATE "C", wildcard) AS place
	FROM (SELECT * FROM new_authz
	    UNION ALL
	    SELECT id, secret, type, value, wildcard, true FROM name
	    WHERE id IS NOT NULL) p
), linked AS (
	INSERT INTO chancery.order_authorization
	    (order_id, position, authorization_id)
	SELECT new_order.id, placed.place - 1, placed.id
	FROM placed, new_order
)
SELECT o.id, extract(epoch FROM o.expires)::bigint AS expires, p.names,
    p.all_valid
FROM new_order o, (
	SELECT bool_and(granted) AS all_valid,
	    json_agg(json_build_object('type', type, 'value', value,
	    'wildcard', wildcard, 'public', translate(
	    encode(int8send(id) || public, 'base64'), '+/', '-_'))
	    ORDER BY place)::text AS names
	FROM placed) p;

-- name: names_pending
-- Of the names of order_insert ($2), those that it would make wait for a
-- proof.
SELECT count(*) FROM jsonb_to_recordset($2::text::jsonb) AS
    name (type text, value text, wildcard boolean, granted boolean,
    methods text)
WHERE NOT name.granted AND NOT ($3::boolean AND EXISTS (
	SELECT FROM chancery.evidence e
	WHERE e.account_id = $1::bigint AND e.type = name.type
	AND e.value = name.value AND e.wildcard = name.wildcard
	AND e.result = 'valid' AND e.valid_until >
	    statement_timestamp() + interval '7 days'
	AND e.method = ANY (name.methods::text[])
	AND NOT EXISTS (SELECT FROM chancery.authorization_end x
	    WHERE x.authorization_id = e.authorization_id)));

-- name: order_by_digest
SELECT id FROM chancery.orders WHERE digest = $1::bytea;

-- name: order_get
SELECT s.account_id, substr(s.digest, 1, 16) AS public, s.status,
    extract(epoch FROM s.expires)::bigint AS expires, s.names::text,
    c.id AS certificate_id, c.public AS certificate_public, s.problem,
    s.profile, extract(epoch FROM s.not_before)::bigint AS not_before,
    extract(epoch FROM s.not_after)::bigint AS not_after, s.replaces
FROM chancery.order_status s
LEFT JOIN chancery.certificate c ON c.order_id = s.id
WHERE s.id = $1::bigint;

-- name: finalize_earlier
-- The finalize that the order is processing, or that made it valid.
SELECT r.id, r.jws FROM chancery.request r
LEFT JOIN chancery.outcome u ON u.request_id = r.id
WHERE r.object_id = $1::bigint AND r.kind = 'finalize'
AND (u.request_id IS NULL OR u.result = 'done')
ORDER BY u.result IS NULL, r.id LIMIT 1;

-- name: authz_get
-- methods: as they were offered; ready: of those that the client was ready
-- for.  Spaces stand between.
SELECT s.account_id, s.public, s.type, s.value, s.wildcard, s.status,
    extract(epoch FROM s.expires)::bigint AS expires,
    s.method, s.result = 'valid' AS proven, s.problem,
    extract(epoch FROM s.validated)::bigint AS validated, s.token,
    array_to_string(s.methods, ' ') AS methods,
    (SELECT string_agg(r.method, ' ') FROM chancery.challenge_ready r
	WHERE r.authorization_id = s.id) AS ready
FROM chancery.authorization_status s
WHERE s.id = $1::bigint;

-- name: authz_find
-- What newAuthz gives out again: the newest that is valid and will be for as
-- long as an order lives, else one that waits.
SELECT id FROM (
	(SELECT 0 AS rank, e.authorization_id AS id FROM chancery.evidence e
	WHERE $6::boolean AND e.account_id = $1::bigint AND e.type = $2::text
	AND e.value = $3::text AND NOT e.wildcard AND e.result = 'valid'
	AND e.valid_until > statement_timestamp() + interval '7 days'
	AND e.method = ANY ($5::text::text[])
	AND NOT EXISTS (SELECT FROM chancery.authorization_end x
	    WHERE x.authorization_id = e.authorization_id)
	ORDER BY e.id DESC LIMIT 1)
	UNION ALL
	(SELECT 1, a.id FROM chancery.authz a
	WHERE a.account_id = $1::bigint AND a.type = $2::text
	AND a.value = $3::text AND NOT a.wildcard
	AND a.granted = $4::boolean AND a.methods = $5::text::text[]
	AND a.expires > statement_timestamp() + interval '1 hour'
	AND NOT EXISTS (SELECT FROM chancery.evidence e
	    WHERE e.authorization_id = a.id)
	AND NOT EXISTS (SELECT FROM chancery.authorization_end x
	    WHERE x.authorization_id = a.id)
	ORDER BY a.id DESC LIMIT 1)) AS found
ORDER BY rank LIMIT 1;

-- name: authz_insert
-- $6: hexadecimal; the same one is inserted once.
WITH earlier AS (
	SELECT id FROM chancery.authz
	WHERE account_id = $1::bigint AND type = $2::text
	AND value = $3::text AND public = decode($6::text, 'hex')
), fresh AS (
	INSERT INTO chancery.authz (account_id, type, value, wildcard,
	    granted, methods, public, token)
	SELECT $1::bigint, $2::text, $3::text, false, $4::boolean,
	    $5::text::text[], decode($6::text, 'hex'), $7::text
	WHERE NOT EXISTS (SELECT FROM earlier)
	RETURNING id
)
SELECT id FROM earlier UNION ALL SELECT id FROM fresh;

-- name: challenge_ready
-- The one row whose loss in a crash costs nobody more than another POST.
-- Said again it asks for another try (RFC 8555, 8.2), ten times at most.
WITH quick AS (
	SELECT set_config('synchronous_commit', 'off', true) AS value
)
INSERT INTO chancery.challenge_ready (authorization_id, method, thumbprint)
SELECT $1::bigint, $2::text, $3::bytea FROM quick WHERE value IS NOT NULL
AND (SELECT count(*) FROM chancery.challenge_ready
    WHERE authorization_id = $1::bigint) < 10;

-- name: replaces_find
-- The certificate of that serial, how many orders replaced it, and whether
-- one of them still may.
SELECT c.id, c.account_id, c.der, count(o.id) AS attempts,
    coalesce(bool_or(s.status <> 'invalid'), false) AS replaced
FROM chancery.certificate c
LEFT JOIN chancery.orders o ON o.replaces_certificate = c.id
LEFT JOIN chancery.order_status s ON s.id = o.id
WHERE c.serial = $1::bytea
GROUP BY c.id;

-- name: renewal_get
SELECT der, extract(epoch FROM not_before)::bigint AS not_before,
    extract(epoch FROM not_after)::bigint AS not_after
FROM chancery.certificate WHERE serial = $1::bytea;

-- name: certificate_get
SELECT c.account_id, c.public, c.der, i.certificate, i.name
FROM chancery.certificate c
JOIN chancery.issuer i ON i.id = c.issuer_id
WHERE c.id = $1::bigint;
