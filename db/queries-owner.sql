-- SPDX-License-Identifier: Apache-2.0
--
-- Statements of the key ceremony (`chanceryctl init`), as the owner role.

-- name: ceremony_entries
SELECT index, entry FROM chancery.log_entry WHERE kind = 'ceremony'
ORDER BY index;

-- name: issuer_list
SELECT id, name, certificate, root, key_id FROM chancery.issuer ORDER BY id;

-- name: id_new
SELECT chancery.new_id();

-- name: log_lock
SELECT size FROM chancery.log_head FOR UPDATE;

-- name: log_append
WITH head AS (
	UPDATE chancery.log_head SET size = $1::bigint + 1)
INSERT INTO chancery.log_entry (index, kind, entry, leaf_hash)
VALUES ($1::bigint, $2::text, $3::bytea, $4::bytea);

-- name: issuer_insert
INSERT INTO chancery.issuer (id, name, certificate, root, key_id, seal)
VALUES ($1::bigint, $2::text, $3::bytea, $4::bytea, $5::bytea, $6::bytea);

-- name: profile_insert
INSERT INTO chancery.profile (id, name, version, issuer_id, body, hash, seal)
VALUES ($1::bigint, $2::text, 1, $3::bigint, $4::text,
    sha256(convert_to($4::text, 'UTF8')), $5::bytea);

-- name: directive_insert
INSERT INTO chancery.directive (id, kind, name, version, body, hash, seal)
VALUES ($1::bigint, $2::text, $3::text, 1, $4::text,
    sha256(convert_to($4::text, 'UTF8')), $5::bytea);

-- name: account_insert
-- The appliance's own account.
INSERT INTO chancery.account (id, public, thumbprint, jwk, status, contact,
    eab, seal)
VALUES ($1::bigint, $2::bytea, $3::bytea, $4::text, 'valid', '[]', $5::text,
    $6::bytea);

-- name: account_key_insert
INSERT INTO chancery.account_key (thumbprint, account_id)
VALUES ($1::bytea, $2::bigint);

-- name: intent_open
-- The ceremony's own intents that have no end yet; no request belongs to
-- them, so the signer leaves them alone.
SELECT i.index, i.serial, i.tbs, i.spki_hash FROM chancery.intent i
WHERE i.request_id IS NULL AND NOT EXISTS (
	SELECT FROM chancery.closing k WHERE k.intent = i.index)
ORDER BY i.index;

-- name: intent_insert
INSERT INTO chancery.intent (index, issuer_id, serial, tbs, spki_hash,
    instance)
VALUES ($1::bigint, $2::bigint, $3::bytea, $4::bytea, $5::bytea, 0);

-- name: closing_insert
INSERT INTO chancery.closing (intent, index) VALUES ($1::bigint, $2::bigint);

-- name: certificate_insert
INSERT INTO chancery.certificate (public, serial, intent, issuer_id, der,
    not_before, not_after)
VALUES ($1::bytea, $2::bytea, $3::bigint, $4::bigint, $5::bytea,
    to_timestamp($6::bigint), to_timestamp($7::bigint));

-- name: certificate_listener
-- The newest certificate that nobody ordered.
SELECT der, extract(epoch FROM not_after)::bigint FROM chancery.certificate
WHERE order_id IS NULL AND account_id IS NULL ORDER BY id DESC LIMIT 1;
