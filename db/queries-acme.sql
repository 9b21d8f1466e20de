-- SPDX-License-Identifier: Apache-2.0
--
-- The statements of chancery-acme.  Each may run twice with the same effect
-- (server/pool.c repeats one whose connection was lost under it), except
-- nonce_spend, which then refuses a nonce once too often.

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
SELECT id, public, jwk, status, contact, request_id
FROM chancery.account WHERE id = $1::bigint;

-- name: account_by_key
SELECT id, public, jwk, status, contact, request_id
FROM chancery.account WHERE thumbprint = $1::bytea;

-- name: request_insert
-- No row when the digest is there already: then request_by_digest.
INSERT INTO chancery.request (kind, account_id, object_id, jws, digest)
VALUES ($1::text, $2::bigint, $3::bigint, $4::bytea, $5::bytea)
ON CONFLICT DO NOTHING RETURNING id;

-- name: request_by_digest
SELECT id FROM chancery.request WHERE digest = $1::bytea;

-- name: outcome
SELECT result = 'done', problem, account_id, certificate_id
FROM chancery.outcome WHERE request_id = $1::bigint;

-- name: arrived
-- For all who wait: $1 request ids (kind 0), $2 authorization ids (kind 1).
SELECT 0::bigint, request_id FROM chancery.outcome
WHERE request_id = ANY ($1::text::bigint[])
UNION ALL
SELECT 1::bigint, authorization_id FROM chancery.evidence
WHERE authorization_id = ANY ($2::text::bigint[]);

-- name: order_insert
-- $4: [{position, type, value, public (hexadecimal), token}], in order.
-- What the reply needs; names as in order_get.
-- No row when the digest is there already: then order_by_digest.
WITH name AS (
	SELECT * FROM jsonb_to_recordset($4::text::jsonb) AS
	    t (position integer, type text, value text, public text,
	    token text)
), new_order AS (
	INSERT INTO chancery.orders (account_id, jws, digest)
	VALUES ($1::bigint, $2::bytea, $3::bytea)
	ON CONFLICT DO NOTHING RETURNING id, expires
), new_authz AS (
	INSERT INTO chancery.authz (public, account_id, type, value, wildcard)
	SELECT decode(name.public, 'hex'), $1::bigint, name.type, name.value,
	    false FROM name, new_order
	RETURNING id, public
), paired AS (
	SELECT name.*, new_authz.id, new_authz.public AS secret FROM name
	JOIN new_authz ON new_authz.public = decode(name.public, 'hex')
), linked AS (
	INSERT INTO chancery.order_authorization
	    (order_id, position, authorization_id)
	SELECT new_order.id, paired.position, paired.id
	FROM paired, new_order
), offered AS (
	INSERT INTO chancery.challenge (authorization_id, method, token)
	SELECT paired.id, 'http-01', paired.token FROM paired
)
SELECT o.id, extract(epoch FROM o.expires)::bigint AS expires,
    (SELECT json_agg(json_build_object('type', p.type, 'value', p.value,
	'wildcard', false, 'public', translate(
	encode(int8send(p.id) || p.secret, 'base64'), '+/', '-_'))
	ORDER BY p.position) FROM paired p)::text AS names
FROM new_order o;

-- name: order_by_digest
SELECT id FROM chancery.orders WHERE digest = $1::bytea;

-- name: order_get
-- names: [{type, value, wildcard, public}]; public is the authorization's
-- public id as server/enc.h prints it, base64url(id, secret).
SELECT o.account_id, substr(o.digest, 1, 16) AS public, s.status,
    extract(epoch FROM o.expires)::bigint AS expires,
    (SELECT json_agg(json_build_object('type', a.type, 'value', a.value,
	'wildcard', a.wildcard, 'public', translate(
	encode(int8send(a.id) || a.public, 'base64'), '+/', '-_'))
	ORDER BY l.position)
	FROM chancery.order_authorization l
	JOIN chancery.authz a ON a.id = l.authorization_id
	WHERE l.order_id = o.id)::text AS names,
    c.id AS certificate_id, c.public AS certificate_public,
    (SELECT u.problem FROM chancery.request r
	JOIN chancery.outcome u ON u.request_id = r.id
	WHERE r.object_id = o.id AND r.kind = 'finalize'
	AND u.result = 'refused' AND u.terminal
	ORDER BY r.id LIMIT 1) AS problem
FROM chancery.orders o
JOIN chancery.order_status s ON s.id = o.id
LEFT JOIN chancery.certificate c ON c.order_id = o.id
WHERE o.id = $1::bigint;

-- name: finalize_earlier
-- The finalize that the order is processing, or that made it valid.
SELECT r.id, r.jws FROM chancery.request r
LEFT JOIN chancery.outcome u ON u.request_id = r.id
WHERE r.object_id = $1::bigint AND r.kind = 'finalize'
AND (u.request_id IS NULL OR u.result = 'done')
ORDER BY u.result IS NULL, r.id LIMIT 1;

-- name: authz_get
SELECT a.account_id, a.public, a.type, a.value, a.wildcard, s.status,
    extract(epoch FROM s.expires)::bigint AS expires,
    e.method, e.result = 'valid' AS proven, e.problem,
    extract(epoch FROM e.at)::bigint AS validated,
    (SELECT json_agg(json_build_object('method', c.method, 'token', c.token,
	'ready', r.id IS NOT NULL) ORDER BY c.method)
	FROM chancery.challenge c
	LEFT JOIN chancery.challenge_ready r
	    ON r.authorization_id = c.authorization_id
	    AND r.method = c.method
	WHERE c.authorization_id = a.id)::text AS challenges
FROM chancery.authz a
JOIN chancery.authorization_status s ON s.id = a.id
LEFT JOIN chancery.evidence e ON e.authorization_id = a.id
WHERE a.id = $1::bigint;

-- name: challenge_ready
-- The one row whose loss in a crash costs nobody more than a second POST.
WITH quick AS (
	SELECT set_config('synchronous_commit', 'off', true) AS value
)
INSERT INTO chancery.challenge_ready (authorization_id, method)
SELECT $1::bigint, $2::text FROM quick WHERE value IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: certificate_get
SELECT c.account_id, c.public, c.der, i.certificate
FROM chancery.certificate c
JOIN chancery.issuer i ON i.id = c.issuer_id
WHERE c.id = $1::bigint;
