-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of chancery-signer.  A pass is three round trips, however many
-- requests it has: what waits, what must be known about it, what is written.
-- So most statements take arrays, one for each column, or a batch of names
-- to look up; then they answer with one row for each, in that order.
--
-- All are planned once, without looking at values (db.c): each must find its
-- rows by index, from a first id on, and never read history.

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
-- Earlier runs that did not end cleanly and do not live any more (a living
-- one holds its row): each is found once, by the first start after it.
UPDATE chancery.instance SET ended = clock_timestamp() WHERE id IN (
	SELECT i.id FROM chancery.instance i
	WHERE i.process = 'signer' AND i.id < $1::bigint AND i.ended IS NULL
	FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: policy
-- The newest version of each profile, with its issuer.
SELECT p.id, p.name, p.version::bigint, p.body, p.seal,
    i.id, i.name, i.certificate, i.root, i.key_id, i.seal
FROM (SELECT DISTINCT ON (name) id, name, version, body, seal, issuer_id
	FROM chancery.profile ORDER BY name DESC, version DESC) p
JOIN chancery.issuer i ON i.id = p.issuer_id
ORDER BY p.name;

-- name: log_lock
SELECT size FROM chancery.log_head FOR UPDATE;

-- name: log_append
-- Entries with their indexes, from that of log_lock on without a gap.
WITH head AS (
	UPDATE chancery.log_head SET size = size + cardinality($1::bigint[]))
INSERT INTO chancery.log_entry (index, kind, entry, leaf_hash)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bytea[]);

-- name: log_last
SELECT entry FROM chancery.log_entry ORDER BY index DESC LIMIT 1;

-- name: evidence_waiting
-- Evidence that is not in the log yet, from id $1 on, and who asked for it.
SELECT e.id, e.authorization_id, z.public, e.account_id, a.public,
    e.thumbprint, e.type, e.value, e.wildcard, e.method, e.result, e.problem,
    e.transcript, floor(extract(epoch FROM e.at))::bigint,
    floor(extract(epoch FROM e.valid_until))::bigint, e.proven_by,
    e.caa_seconds::bigint, x.request_id
FROM chancery.evidence e
LEFT JOIN chancery.caa_wanted x ON x.id = e.wanted_id
LEFT JOIN chancery.account a ON a.id = e.account_id
LEFT JOIN chancery.authz z ON z.id = e.authorization_id
WHERE e.id >= $1::bigint AND NOT EXISTS (
	SELECT FROM chancery.evidence_logged l WHERE l.evidence_id = e.id)
ORDER BY e.id LIMIT $2::bigint;

-- name: evidence_logged
INSERT INTO chancery.evidence_logged (evidence_id, index)
SELECT * FROM unnest($1::bigint[], $2::bigint[]);

-- name: evidence_find
-- For each name of a request the newest evidence that counts for its account,
-- whatever key that had, by one of the methods $6 (separated by spaces);
-- `granted` is none that evidence has.  Where its look at CAA has become old,
-- also another look for the same method that has not, and what came of the one
-- that this request asked for.
SELECT f.id, f.index, f.method, coalesce(f.fresh, false), c.id, c.index,
    w.id IS NOT NULL, w.result, w.problem
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[],
    $5::boolean[], $6::text[]) WITH ORDINALITY
    AS n(request_id, account_id, type, value, wildcard, methods, place)
LEFT JOIN LATERAL (
	SELECT e.id, l.index, e.method, e.at + coalesce(e.caa_seconds, 0)
	    * interval '1 second' > clock_timestamp() AS fresh
	FROM chancery.evidence e
	JOIN chancery.account_key k ON k.thumbprint = e.thumbprint
	    AND k.account_id = e.account_id
	LEFT JOIN chancery.evidence_logged l ON l.evidence_id = e.id
	WHERE e.account_id = n.account_id
	    AND e.type = n.type AND e.value = n.value
	    AND e.wildcard = n.wildcard
	    AND e.method = ANY (string_to_array(n.methods, ' '))
	    AND e.result = 'valid' AND e.valid_until > clock_timestamp()
	    AND NOT EXISTS (
		SELECT FROM chancery.authorization_end d
		WHERE d.authorization_id = e.authorization_id)
	ORDER BY e.id DESC LIMIT 1) f ON true
LEFT JOIN LATERAL (
	SELECT e.id, l.index FROM chancery.evidence e
	LEFT JOIN chancery.evidence_logged l ON l.evidence_id = e.id
	WHERE f.fresh IS NOT TRUE AND e.account_id = n.account_id
	    AND e.type = n.type AND e.value = n.value
	    AND e.wildcard = n.wildcard
	    AND coalesce(e.proven_by, e.method)
	    = coalesce(f.method, n.methods)
	    AND e.result = 'valid' AND e.at + coalesce(e.caa_seconds, 0)
	    * interval '1 second' > clock_timestamp()
	ORDER BY e.id DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (
	SELECT x.id, e.result, e.problem FROM chancery.caa_wanted x
	LEFT JOIN chancery.evidence e ON e.wanted_id = x.id
	WHERE f.fresh IS NOT TRUE AND x.request_id = n.request_id
	    AND x.type = n.type AND x.value = n.value
	    AND x.wildcard = n.wildcard
	LIMIT 1) w ON true
ORDER BY n.place;

-- name: caa_wanted_insert
INSERT INTO chancery.caa_wanted (request_id, account_id, type, value,
    wildcard, method)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[],
    $5::boolean[], $6::text[])
ON CONFLICT (request_id, type, value, wildcard) DO NOTHING;

-- name: key_changes
-- The key changes of an account, the newest first, as they were signed; no
-- more than are worth the work of verifying them.
SELECT r.jws FROM chancery.request r
JOIN chancery.outcome u ON u.request_id = r.id AND u.result = 'done'
WHERE r.account_id = $1::bigint AND r.kind = 'key-change'
ORDER BY r.id DESC LIMIT 10;

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
-- Waiting requests from id $1 on but for $3, at most $2, round-robin over
-- accounts; officers do not queue behind those who have none.  No EXISTS
-- among the columns: the planner would gather all orders ever refused.
SELECT r.id, r.kind, r.account_id, r.object_id, r.jws, r.digest,
    a.public, a.thumbprint, a.jwk, a.status, a.contact, a.terms, a.eab, a.seal,
    o.jws, floor(extract(epoch FROM o.expires))::bigint, z.public, z.account_id,
    c.id, i.index IS NOT NULL AND k.intent IS NULL,
    (SELECT coalesce(bool_or(y.result = 'refused' AND y.terminal), false)
	FROM chancery.request x
	JOIN chancery.outcome y ON y.request_id = x.id
	WHERE x.object_id = o.id AND x.kind = 'finalize')
FROM (
	SELECT w.id, row_number() OVER (PARTITION BY w.account_id,
	    w.kind = 'officer-act' ORDER BY w.id) AS turn
	FROM chancery.request w
	WHERE w.id >= $1::bigint AND w.id <> ALL ($3::bigint[])
	    AND NOT EXISTS (
		SELECT FROM chancery.outcome u WHERE u.request_id = w.id)
	    AND NOT EXISTS (
		SELECT FROM chancery.intent n WHERE n.request_id = w.id)
	ORDER BY turn, w.id LIMIT $2::bigint) q
JOIN chancery.request r ON r.id = q.id
LEFT JOIN chancery.account a ON a.id = r.account_id
LEFT JOIN chancery.orders o ON r.kind = 'finalize' AND o.id = r.object_id
LEFT JOIN chancery.certificate c ON c.order_id = o.id
LEFT JOIN chancery.intent i ON i.order_id = o.id
LEFT JOIN chancery.closing k ON k.intent = i.index
LEFT JOIN chancery.authz z ON r.kind = 'authz-deactivate'
    AND z.id = r.object_id
ORDER BY q.turn, r.id
FOR NO KEY UPDATE OF r SKIP LOCKED;

-- name: request_one
-- Request $1 alone, if it still waits, in the columns of request_claim.
SELECT r.id, r.kind, r.account_id, r.object_id, r.jws, r.digest,
    a.public, a.thumbprint, a.jwk, a.status, a.contact, a.terms, a.eab, a.seal,
    o.jws, floor(extract(epoch FROM o.expires))::bigint, z.public, z.account_id,
    c.id, i.index IS NOT NULL AND k.intent IS NULL,
    (SELECT coalesce(bool_or(y.result = 'refused' AND y.terminal), false)
	FROM chancery.request x
	JOIN chancery.outcome y ON y.request_id = x.id
	WHERE x.object_id = o.id AND x.kind = 'finalize')
FROM chancery.request r
LEFT JOIN chancery.account a ON a.id = r.account_id
LEFT JOIN chancery.orders o ON r.kind = 'finalize' AND o.id = r.object_id
LEFT JOIN chancery.certificate c ON c.order_id = o.id
LEFT JOIN chancery.intent i ON i.order_id = o.id
LEFT JOIN chancery.closing k ON k.intent = i.index
LEFT JOIN chancery.authz z ON r.kind = 'authz-deactivate'
    AND z.id = r.object_id
WHERE r.id = $1::bigint
    AND NOT EXISTS (
	SELECT FROM chancery.outcome u WHERE u.request_id = r.id)
    AND NOT EXISTS (
	SELECT FROM chancery.intent n WHERE n.request_id = r.id)
FOR NO KEY UPDATE OF r SKIP LOCKED;

-- name: request_again
-- The request of an open intent, in the columns of request_claim.
SELECT r.id, r.kind, r.account_id, r.object_id, r.jws, r.digest,
    a.public, a.thumbprint, a.jwk, a.status, a.contact, a.terms, a.eab, a.seal,
    o.jws, floor(extract(epoch FROM o.expires))::bigint, NULL::bytea,
    NULL::bigint, NULL::bigint, false, false
FROM chancery.request r
LEFT JOIN chancery.account a ON a.id = r.account_id
LEFT JOIN chancery.orders o ON o.id = r.object_id
WHERE r.id = $1::bigint AND r.kind = 'finalize';

-- name: key_owner
-- The account that ever had each of the keys, or NULL; has it another now?
SELECT k.account_id, a.thumbprint IS DISTINCT FROM n.thumbprint
FROM unnest($1::bytea[]) WITH ORDINALITY AS n(thumbprint, place)
LEFT JOIN chancery.account_key k ON k.thumbprint = n.thumbprint
LEFT JOIN chancery.account a ON a.id = k.account_id
ORDER BY n.place;

-- name: id_new
SELECT chancery.new_id() FROM generate_series(1, $1::bigint);

-- name: account_insert
-- Accounts, their keys and the outcomes of the requests $10.
WITH given AS (
	SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[],
	    $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
	    $9::text[], $10::bigint[], $11::bytea[])
	    AS n(id, public, thumbprint, jwk, status, contact, terms, eab,
	    external, request_id, seal)),
made AS (
	INSERT INTO chancery.account (id, public, thumbprint, jwk, status,
	    contact, terms, eab, external, request_id, seal)
	SELECT * FROM given),
owned AS (
	INSERT INTO chancery.account_key (thumbprint, account_id)
	SELECT thumbprint, id FROM given)
INSERT INTO chancery.outcome (request_id, result, terminal, account_id)
SELECT request_id, 'done', true, id FROM given;

-- name: account_change
-- An account is changed once in a batch, and keeps each key it ever had.  The
-- outcome of an officer's act is written with the act: no request here.
WITH given AS (
	SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[],
	    $5::bytea[], $6::text[], $7::bytea[], $8::bigint[])
	    AS n(id, status, contact, terms, thumbprint, jwk, seal,
	    request_id)),
changed AS (
	UPDATE chancery.account a
	SET status = n.status, contact = n.contact, terms = n.terms,
	    thumbprint = n.thumbprint, jwk = n.jwk, seal = n.seal
	FROM given n WHERE a.id = n.id RETURNING n.request_id, a.id),
owned AS (
	INSERT INTO chancery.account_key (thumbprint, account_id)
	SELECT n.thumbprint, n.id FROM given n WHERE NOT EXISTS (
		SELECT FROM chancery.account_key k
		WHERE k.thumbprint = n.thumbprint AND k.account_id = n.id))
INSERT INTO chancery.outcome (request_id, result, terminal, account_id)
SELECT request_id, 'done', true, id FROM changed
WHERE request_id IS NOT NULL;

-- name: eab_accounts
-- How many accounts each of the key ids has vouched for.
SELECT (SELECT count(*) FROM chancery.account a WHERE a.eab = n.eab)
FROM unnest($1::text[]) WITH ORDINALITY AS n(eab, place)
ORDER BY n.place;

-- name: directive_new
-- Directives from id $1 on.
SELECT id, kind, name, version::bigint, body, seal FROM chancery.directive
WHERE id >= $1::bigint ORDER BY id LIMIT 500;

-- name: act_known
-- For each act: was its id used, the newest version of what it replaces
-- (directive $2, $3 or, without a kind, the profile $3), the account $4.
SELECT t.request_id IS NOT NULL, coalesce(d.version, p.version)::bigint,
    coalesce(d.hash, p.hash), coalesce(p.issuer_id, (
	SELECT issuer_id FROM chancery.profile ORDER BY id DESC LIMIT 1)),
    a.public, a.thumbprint, a.jwk, a.status, a.contact, a.terms, a.eab, a.seal
FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[])
    WITH ORDINALITY AS n(act_id, kind, name, account_id, place)
LEFT JOIN chancery.act t ON t.act_id = n.act_id
LEFT JOIN LATERAL (
	SELECT x.version, x.hash FROM chancery.directive x
	WHERE x.kind = n.kind AND x.name = n.name
	ORDER BY x.version DESC LIMIT 1) d ON true
LEFT JOIN LATERAL (
	SELECT x.version, x.hash, x.issuer_id FROM chancery.profile x
	WHERE n.kind IS NULL AND x.name = n.name
	ORDER BY x.version DESC LIMIT 1) p ON true
LEFT JOIN chancery.account a ON a.id = n.account_id
ORDER BY n.place;

-- name: act_insert
-- Acts with the outcomes of their requests.
WITH given AS (
	SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[])
	    AS n(act_id, request_id, detail)),
used AS (
	INSERT INTO chancery.act (act_id, request_id)
	SELECT act_id, request_id FROM given)
INSERT INTO chancery.outcome (request_id, result, terminal, detail)
SELECT request_id, 'done', true, detail FROM given;

-- name: directive_insert
INSERT INTO chancery.directive (id, kind, name, version, body, hash,
    request_id, seal)
SELECT id, kind, name, version, body, hash, request_id, seal
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[],
    $6::bytea[], $7::bigint[], $8::bytea[])
    AS n(id, kind, name, version, body, hash, request_id, seal);

-- name: profile_insert
INSERT INTO chancery.profile (id, name, version, issuer_id, body, hash, seal)
SELECT id, name, version, issuer_id, body, hash, seal
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::text[],
    $6::bytea[], $7::bytea[])
    AS n(id, name, version, issuer_id, body, hash, seal);

-- name: authz_end
WITH given AS (
	SELECT * FROM unnest($1::bigint[], $2::bigint[])
	    AS n(authorization_id, request_id)),
ended AS (
	INSERT INTO chancery.authorization_end (authorization_id, kind,
	    request_id)
	SELECT authorization_id, 'deactivated', request_id FROM given
	ON CONFLICT (authorization_id) DO NOTHING)
INSERT INTO chancery.outcome (request_id, result, terminal)
SELECT request_id, 'done', true FROM given;

-- name: outcome_insert
INSERT INTO chancery.outcome (request_id, result, terminal, problem,
    account_id, certificate_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::text[],
    $5::bigint[], $6::bigint[]);

-- name: intent_insert
INSERT INTO chancery.intent (index, request_id, order_id, account_id,
    issuer_id, profile_id, serial, tbs, spki_hash, instance)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
    $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[], $9::bytea[],
    $10::bigint[]);

-- name: intent_lock
-- Which of the intents are still ours and still open?
SELECT i.index
FROM unnest($1::bigint[], $2::bigint[]) AS n(index, instance)
JOIN chancery.intent i ON i.index = n.index AND i.instance = n.instance
WHERE NOT EXISTS (SELECT FROM chancery.closing k WHERE k.intent = i.index)
ORDER BY i.index
FOR UPDATE OF i;

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
-- The ends of the intents $1: entries $2 of the log, certificates, outcomes.
WITH given AS (
	SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[],
	    $4::bytea[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[],
	    $9::bigint[], $10::bigint[], $11::bigint[])
	    AS n(intent, index, public, serial, order_id, account_id,
	    issuer_id, der, not_before, not_after, request_id)),
made AS (
	INSERT INTO chancery.certificate (public, serial, intent, order_id,
	    account_id, issuer_id, der, not_before, not_after)
	SELECT public, serial, intent, order_id, account_id, issuer_id, der,
	    to_timestamp(not_before), to_timestamp(not_after)
	FROM given
	RETURNING id, intent),
closed AS (
	INSERT INTO chancery.closing (intent, index)
	SELECT intent, index FROM given)
INSERT INTO chancery.outcome (request_id, result, terminal, certificate_id)
SELECT g.request_id, 'done', true, m.id
FROM given g JOIN made m ON m.intent = g.intent;

-- name: intent_abandon
WITH given AS (
	SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[],
	    $4::text[]) AS n(intent, index, request_id, problem)),
closed AS (
	INSERT INTO chancery.closing (intent, index)
	SELECT intent, index FROM given)
INSERT INTO chancery.outcome (request_id, result, terminal, problem)
SELECT request_id, 'refused', true, problem FROM given;

-- name: own_account
-- The account that the ceremony made for the appliance itself, by the
-- thumbprint of its key.
SELECT a.id, a.public FROM chancery.account_key k
JOIN chancery.account a ON a.id = k.account_id
WHERE k.thumbprint = $1::bytea AND a.thumbprint = k.thumbprint
    AND a.eab = 'own';

-- name: own_names
SELECT body FROM chancery.directive WHERE kind = 'eab' AND name = 'own'
ORDER BY version DESC LIMIT 1;
