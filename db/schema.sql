-- SPDX-License-Identifier: Apache-2.0
--
-- The schema, version 2, and with it the protocol between the processes:
-- work crosses from one to the next as rows.  Faces INSERT and SELECT and
-- UPDATE nothing; what a face fills is bounded by a CHECK; terminal outcomes
-- are inserted once, by their only writer; every status is derived by a view.
-- Who may do what is in roles.sql.
--
-- Run by `chanceryctl db migrate` as the owner role.

CREATE SCHEMA chancery;
SET LOCAL search_path = chancery, pg_catalog;

CREATE TABLE schema_version (
	version		integer PRIMARY KEY,
	applied		timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO schema_version (version) VALUES (2);

-- Ids: microseconds since 1970, then 11 bits of a counter: time-ordered,
-- 63 bits until the year 2112, never chosen by the process that inserts.
-- A double holds the seconds to a quarter of a microsecond or better until
-- 2106, so that rounding finds the microsecond; and it costs a tenth of
-- numeric.  With a body that is parsed here and no SET, so that the planner
-- puts it in the place of the call.
CREATE SEQUENCE id_sequence MINVALUE 0 MAXVALUE 2047 START 0 CYCLE CACHE 32;

CREATE FUNCTION new_id() RETURNS bigint LANGUAGE sql VOLATILE
    RETURN ((date_part('epoch', clock_timestamp()) * 1000000)::bigint << 11)
	| nextval('id_sequence');

-- One row for each run of a process that claims work.  A process is alive
-- while it holds a row lock on its own row; `ended` is set by a clean stop
-- only, so a row without it tells the next start that the last was unclean.
CREATE TABLE instance (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	process		text NOT NULL CHECK (process IN ('signer', 'validator')),
	host		text NOT NULL CHECK (octet_length(host) <= 255),
	started		timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended		timestamptz
);
-- A thief of one process must not pretend that another lives (by a lock on
-- its row) or that it ended: each role writes and locks its own rows only.
ALTER TABLE instance ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON instance FOR SELECT USING (true);
CREATE POLICY own_insert ON instance FOR INSERT
    WITH CHECK (current_user = 'chancery_' || process);
CREATE POLICY own_update ON instance FOR UPDATE
    USING (current_user = 'chancery_' || process);

-- What many columns are.  A domain that holds is cheaper than a CHECK of the
-- table, which PostgreSQL parses again in every statement.
CREATE DOMAIN digest AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN secret AS bytea CHECK (octet_length(VALUE) = 16);
CREATE DOMAIN message AS bytea CHECK (octet_length(VALUE) BETWEEN 1 AND 32768);
CREATE DOMAIN identifier AS text CHECK (octet_length(VALUE) <= 253);
CREATE DOMAIN identifier_type AS text CHECK (VALUE IN ('dns', 'ip'));
CREATE DOMAIN profile_name AS text CHECK (octet_length(VALUE) <= 64 AND
    VALUE ~ '^[a-z0-9-]+$');
CREATE DOMAIN renewal_name AS text CHECK (octet_length(VALUE) <= 128);
CREATE DOMAIN request_kind AS text CHECK (VALUE IN ('new-account',
    'account-update', 'account-deactivate', 'key-change', 'authz-deactivate',
    'finalize', 'officer-act'));
CREATE DOMAIN challenge_method AS text CHECK (VALUE IN ('http-01', 'dns-01',
    'dns-account-01', 'tls-alpn-01'));
CREATE DOMAIN challenge_methods AS text[] CHECK (VALUE <@ ARRAY['http-01',
    'dns-01', 'dns-account-01', 'tls-alpn-01']);
CREATE DOMAIN challenge_token AS text CHECK (VALUE ~ '^[A-Za-z0-9_-]+$' AND
    octet_length(VALUE) BETWEEN 22 AND 64);
CREATE DOMAIN evidence_method AS text CHECK (VALUE IN ('http-01', 'dns-01',
    'dns-account-01', 'tls-alpn-01', 'caa'));
CREATE DOMAIN evidence_result AS text CHECK (VALUE IN ('valid', 'invalid'));
CREATE DOMAIN proof_name AS text CHECK (octet_length(VALUE) <= 32);
CREATE DOMAIN problem_text AS text CHECK (octet_length(VALUE) <= 8192);
CREATE DOMAIN transcript AS text CHECK (octet_length(VALUE) <= 16384);
CREATE DOMAIN caa_seconds AS integer CHECK (VALUE BETWEEN 0 AND 604800);
CREATE DOMAIN outcome_result AS text CHECK (VALUE IN ('done', 'refused'));
CREATE DOMAIN outcome_detail AS text CHECK (octet_length(VALUE) <= 8192);
CREATE DOMAIN entry_kind AS text CHECK (VALUE IN ('ceremony', 'key',
    'validation', 'intent', 'issued', 'refused', 'abandoned', 'act'));
CREATE DOMAIN entry_text AS bytea CHECK (octet_length(VALUE) BETWEEN 2 AND
    65535);

-- Signed messages, entries and certificates are base64 and random octets of 1
-- to 8 KiB: they gain little by compression, and a row of up to one page costs
-- least when it is stored as it is, in one piece (toast_tuple_target).  What
-- is longer goes to the side table, by the faster compression.

-- ---------------------------------------------------------------- the log

-- The issuance log.  `entry` is canonical JSON (RFC 8785) with a salt;
-- leaf_hash is that of RFC 6962, 2.1.  The index comes from the locked row
-- of log_head, never from a sequence, so that there are no gaps.
CREATE TABLE log_head (
	one		boolean PRIMARY KEY DEFAULT true CHECK (one),
	size		bigint NOT NULL DEFAULT 0 CHECK (size >= 0)
);
INSERT INTO log_head DEFAULT VALUES;

CREATE TABLE log_entry (
	index		bigint PRIMARY KEY CHECK (index >= 0),
	kind		entry_kind NOT NULL,
	entry		entry_text COMPRESSION lz4 NOT NULL,
	leaf_hash	bytea NOT NULL CHECK (leaf_hash =
			    sha256('\x00'::bytea || entry)),
	at		timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (toast_tuple_target = 8160);

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog AS $$
BEGIN
	RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
	    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

-- ------------------------------------------- what carries authority: sealed

-- A seal is HMAC-SHA256 over the row's canonical JSON, under a key derived
-- from the seal key in the token: a row that PostgreSQL's superuser or a
-- backup changed is refused by the signer.

CREATE TABLE issuer (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	name		text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9-]{1,64}$'),
	certificate	bytea NOT NULL,		-- DER
	root		bytea NOT NULL,		-- DER of its own issuer
	key_id		bytea NOT NULL,		-- CKA_ID in the token
	created		timestamptz NOT NULL DEFAULT clock_timestamp(),
	seal		digest NOT NULL
);

CREATE TABLE profile (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	name		text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,64}$'),
	version		integer NOT NULL,
	issuer_id	bigint NOT NULL REFERENCES issuer,
	body		text NOT NULL,		-- canonical JSON
	hash		bytea NOT NULL CHECK (hash =
			    sha256(convert_to(body, 'UTF8'))),
	created		timestamptz NOT NULL DEFAULT clock_timestamp(),
	seal		digest NOT NULL,
	UNIQUE (name, version)
);

CREATE TABLE account (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	public		secret NOT NULL,
	thumbprint	digest NOT NULL UNIQUE,
	jwk		text NOT NULL,		-- canonical (RFC 7638)
	status		text NOT NULL CHECK (status IN
			    ('valid', 'deactivated', 'revoked')),
	contact		text NOT NULL,		-- JSON array
	terms		text,			-- URL of those agreed to
	eab		text,			-- key id (RFC 8555, 7.3.4)
	external	text			-- its JWS, as it was sent
			    CHECK (octet_length(external) <= 8192),
	created		timestamptz NOT NULL DEFAULT clock_timestamp(),
	request_id	bigint UNIQUE,		-- NULL: made at the ceremony
	seal		digest NOT NULL,
	CHECK (external IS NULL OR eab IS NOT NULL)
);
CREATE INDEX account_eab ON account (eab) WHERE eab IS NOT NULL;

-- Every thumbprint that any account ever had (RFC 8555, 11.1).
CREATE TABLE account_key (
	thumbprint	digest PRIMARY KEY,
	account_id	bigint NOT NULL REFERENCES account
);

-- What officers decide, apart from profiles: one row for each version of each
-- thing, the newest counts, and the body `null` ends it.  server/rules.c reads
-- the bodies.
CREATE TABLE directive (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	kind		text NOT NULL CHECK (kind IN ('officer', 'eab',
			    'block', 'restrict', 'grant', 'chain')),
	name		text NOT NULL
			    CHECK (octet_length(name) BETWEEN 1 AND 255),
	version		integer NOT NULL CHECK (version > 0),
	body		text NOT NULL		-- canonical JSON
			    CHECK (octet_length(body) <= 24576),
	hash		bytea NOT NULL CHECK (hash =
			    sha256(convert_to(body, 'UTF8'))),
	request_id	bigint,			-- the act; NULL: the ceremony
	created		timestamptz NOT NULL DEFAULT clock_timestamp(),
	seal		digest NOT NULL,
	UNIQUE (kind, name, version)
);

-- The random ids of officers' acts: none is used twice.
CREATE TABLE act (
	act_id		bytea PRIMARY KEY
			    CHECK (octet_length(act_id) BETWEEN 16 AND 64),
	request_id	bigint NOT NULL UNIQUE
);

-- ------------------------------------------------- what the ACME face fills

-- The one way in: the signed bytes as the requester sent them.  `digest` is
-- SHA-256 of the JWS signing input; the signer computes it again.
CREATE TABLE request (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	kind		request_kind NOT NULL,
	account_id	bigint,			-- of those signed with kid
	object_id	bigint,			-- order or authorization
	jws		message COMPRESSION lz4 NOT NULL,
	digest		digest NOT NULL UNIQUE,
	received	timestamptz NOT NULL DEFAULT clock_timestamp(),
	attempts	integer NOT NULL DEFAULT 0,	-- the signer's
	CHECK ((account_id IS NULL) = (kind IN ('new-account',
	    'officer-act')) AND
	    (object_id IS NOT NULL) = (kind IN ('finalize',
	    'authz-deactivate')))
) WITH (toast_tuple_target = 8160);
CREATE INDEX request_object ON request (object_id) WHERE object_id IS NOT NULL;
-- Which keys signed the orders that an account made before.
CREATE INDEX request_key_change ON request (account_id, id)
    WHERE kind = 'key-change';

CREATE TABLE orders (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	account_id	bigint NOT NULL,
	jws		message COMPRESSION lz4 NOT NULL,
	digest		digest NOT NULL UNIQUE,
	-- What the order shows; the signer reads the JWS instead.
	profile		profile_name NOT NULL,
	profile_hash	digest NOT NULL,
	not_before	timestamptz,
	not_after	timestamptz,
	replaces	renewal_name,
	-- A certificate is replaced by one order that is not invalid (RFC
	-- 9773, 5): who counts the earlier ones and inserts the next number
	-- loses a race.
	replaces_certificate bigint,
	replaces_attempt integer,
	created		timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires		timestamptz NOT NULL
			    DEFAULT clock_timestamp() + interval '7 days'
) WITH (toast_tuple_target = 8160);
CREATE INDEX orders_account ON orders (account_id, id);
CREATE UNIQUE INDEX orders_replaces
    ON orders (replaces_certificate, replaces_attempt)
    WHERE replaces_certificate IS NOT NULL;

-- Its challenges are its methods; they share a token.  `granted`: a face says
-- that an officer allowed the name without proof, which the signer sees to
-- itself.
CREATE TABLE authz (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	public		secret NOT NULL,
	account_id	bigint NOT NULL,
	type		text NOT NULL,
	value		text NOT NULL,
	wildcard	boolean NOT NULL,
	granted		boolean NOT NULL DEFAULT false,
	token		challenge_token NOT NULL,
	methods		challenge_methods NOT NULL,
	created		timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires		timestamptz NOT NULL
			    DEFAULT clock_timestamp() + interval '7 days',
	-- Counted repetitions would cost ten times as much.
	CHECK (octet_length(value) <= 253 AND CASE type
	    WHEN 'dns' THEN value ~ '^[a-z0-9-]+(\.[a-z0-9-]+)*$' AND
		value !~ '(^|\.)-|-(\.|$)|[^.]{64}'
	    WHEN 'ip' THEN NOT wildcard AND
		value ~ '^([0-9]+(\.[0-9]+){3}|[0-9a-f:]+)$'
	    ELSE false END)
);

-- What an account has already: to give out again (RFC 8555, 7.4.1), and to
-- limit what is pending.
CREATE INDEX authz_account ON authz (account_id, type, value, id);

CREATE TABLE order_authorization (
	order_id	bigint NOT NULL,
	position	integer NOT NULL CHECK (position BETWEEN 0 AND 999),
	authorization_id bigint NOT NULL,
	PRIMARY KEY (order_id, position)
);

-- "Client is ready" (RFC 8555, 7.5.1), under the key that the account had at
-- that moment (8.1).  Said again it asks for another try (8.2).
CREATE TABLE challenge_ready (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	authorization_id bigint NOT NULL,
	method		challenge_method NOT NULL,
	thumbprint	digest NOT NULL,
	at		timestamptz NOT NULL DEFAULT clock_timestamp(),
	attempts	integer NOT NULL DEFAULT 0	-- the validator's
);
CREATE INDEX challenge_ready_authorization
    ON challenge_ready (authorization_id);

-- What rate limits count: something happened under a key.
CREATE TABLE rate_event (
	key		text NOT NULL CHECK (octet_length(key) <= 300),
	id		bigint NOT NULL DEFAULT new_id(),
	PRIMARY KEY (key, id)
);

-- The key of the nonces; made by the first start of chancery-acme.
CREATE TABLE nonce_key (
	one		boolean PRIMARY KEY DEFAULT true CHECK (one),
	key		bytea NOT NULL CHECK (octet_length(key) = 32)
);

-- Nonces of another node, or from before a restart, once they were used.
CREATE TABLE nonce_spent (
	nonce		bytea PRIMARY KEY CHECK (octet_length(nonce) = 32),
	at		timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- --------------------------------------------------- what the validator fills

-- The end of one authorization's validation, valid or not: one row each.
-- The signer believes these rows and nothing that the ACME face linked.  A
-- row of method `caa` is a later look at CAA alone, which the signer asked
-- for (caa_wanted), for a name that was proven by `proven_by`.
CREATE TABLE evidence (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	authorization_id bigint UNIQUE,
	wanted_id	bigint,
	account_id	bigint NOT NULL,
	thumbprint	digest NOT NULL,
	type		identifier_type NOT NULL,
	value		identifier NOT NULL,
	wildcard	boolean NOT NULL,
	method		evidence_method NOT NULL,
	proven_by	proof_name,
	result		evidence_result NOT NULL,
	problem		problem_text,		-- problem document, if invalid
	transcript	transcript COMPRESSION lz4 NOT NULL, -- JSON: hops
	caa_seconds	caa_seconds,	-- CAA need not be looked at before
	at		timestamptz NOT NULL DEFAULT clock_timestamp(),
	valid_until	timestamptz NOT NULL
			    DEFAULT clock_timestamp() + interval '30 days',
	CHECK ((problem IS NULL) = (result = 'valid') AND
	    (method = 'caa') = (authorization_id IS NULL) AND
	    (method = 'caa') = (wanted_id IS NOT NULL) AND
	    (method = 'caa') = (proven_by IS NOT NULL))
) WITH (toast_tuple_target = 8160);
CREATE UNIQUE INDEX evidence_wanted ON evidence (wanted_id)
    WHERE wanted_id IS NOT NULL;
-- Ends with the id, so that the newest is found first, however many there are.
CREATE INDEX evidence_lookup ON evidence (account_id, type, value, id);

-- ------------------------------------------------------ what the signer fills

-- The end of a request: once, for ever.  `terminal` is false for a refusal
-- after which the order may be finalized again (badCSR; RFC 8555, 7.4).
CREATE TABLE outcome (
	request_id	bigint PRIMARY KEY,
	result		outcome_result NOT NULL,
	terminal	boolean NOT NULL,
	problem		text,			-- problem document, if refused
	account_id	bigint,			-- of new-account
	certificate_id	bigint,			-- of finalize
	detail		outcome_detail,		-- JSON, of officer-act
	at		timestamptz NOT NULL DEFAULT clock_timestamp(),
	CHECK ((problem IS NULL) = (result = 'done'))
);

CREATE TABLE authorization_end (
	authorization_id bigint PRIMARY KEY,
	kind		text NOT NULL CHECK (kind IN ('deactivated', 'revoked')),
	request_id	bigint NOT NULL,
	at		timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- CAA is older than it may be at issuance (RFC 8659; BR 4.2.2.1): the
-- validator is to look again.  The method is that of the proof, `granted`
-- where an officer's word stands for it.
CREATE TABLE caa_wanted (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	request_id	bigint NOT NULL,
	account_id	bigint NOT NULL,
	type		identifier_type NOT NULL,
	value		identifier NOT NULL,
	wildcard	boolean NOT NULL,
	method		proof_name NOT NULL,
	at		timestamptz NOT NULL DEFAULT clock_timestamp(),
	attempts	integer NOT NULL DEFAULT 0,	-- the validator's
	UNIQUE (request_id, type, value, wildcard)
);

-- Where an evidence row stands in the log.  No index of the log is a foreign
-- key: the one writer inserts the entry in the same transaction, none is ever
-- deleted, and to look up each again would cost a tenth of issuance.
CREATE TABLE evidence_logged (
	evidence_id	bigint PRIMARY KEY,
	index		bigint NOT NULL UNIQUE
);

-- Decided, logged, not yet signed: durable before the token is asked.  The
-- claim is written here: `instance` is the run that decided or took over.
CREATE TABLE intent (
	index		bigint PRIMARY KEY,
	request_id	bigint UNIQUE,		-- NULL at the ceremony
	order_id	bigint UNIQUE,
	account_id	bigint,
	issuer_id	bigint NOT NULL REFERENCES issuer,
	profile_id	bigint REFERENCES profile,
	serial		bytea NOT NULL UNIQUE CHECK
			    (octet_length(serial) BETWEEN 16 AND 20),
	tbs		bytea COMPRESSION lz4 NOT NULL,
	spki_hash	digest NOT NULL,
	instance	bigint NOT NULL,
	at		timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (toast_tuple_target = 8160);

-- The one end of an intent: `issued` or `abandoned`.
CREATE TABLE closing (
	intent		bigint PRIMARY KEY REFERENCES intent,
	index		bigint NOT NULL UNIQUE
);

CREATE TABLE certificate (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	public		secret NOT NULL,
	serial		bytea NOT NULL UNIQUE,
	intent		bigint NOT NULL UNIQUE REFERENCES intent,
	order_id	bigint UNIQUE,		-- NULL at the ceremony
	account_id	bigint,
	issuer_id	bigint NOT NULL,	-- that of the intent
	der		bytea COMPRESSION lz4 NOT NULL,
	not_before	timestamptz NOT NULL,
	not_after	timestamptz NOT NULL,
	at		timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (toast_tuple_target = 8160);

DO $$
DECLARE name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['certificate', 'closing', 'evidence',
	    'outcome', 'authorization_end', 'evidence_logged', 'account_key',
	    'issuer', 'profile', 'orders', 'directive', 'act',
	    'rate_event'] LOOP
		EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR
		    DELETE OR TRUNCATE ON chancery.%I FOR EACH STATEMENT
		    EXECUTE FUNCTION chancery.append_only()', name);
	END LOOP;
END $$;

-- ------------------------------------------------------------- derived status

-- With what the objects show beside their status, so that nothing is joined
-- twice.  RFC 8555, 7.1.6; state.c says the same in C; a test compares them.
-- names: [{type, value, wildcard, public}]; public is the authorization's
-- public id as server/enc.h prints it, base64url(id, secret).  The
-- time is that of the statement: with clock_timestamp(), which is volatile,
-- the planner could not look up single rows through the views.
CREATE VIEW authorization_status AS
SELECT a.id, a.account_id, a.public, a.type, a.value, a.wildcard, a.token,
    a.methods, e.method, e.result, e.problem, e.at AS validated,
    CASE
	WHEN x.kind = 'deactivated' THEN 'deactivated'
	WHEN x.kind = 'revoked' THEN 'revoked'
	WHEN e.result = 'invalid' THEN 'invalid'
	WHEN e.result = 'valid' AND e.valid_until <= statement_timestamp()
	    THEN 'expired'
	WHEN c.status IS DISTINCT FROM 'valid' THEN 'deactivated'
	WHEN e.result = 'valid' THEN 'valid'
	WHEN a.granted AND a.expires <= statement_timestamp() THEN 'expired'
	WHEN a.granted THEN 'valid'
	WHEN a.expires <= statement_timestamp() THEN 'invalid'
	ELSE 'pending'
    END AS status,
    CASE WHEN e.result = 'valid' THEN e.valid_until ELSE a.expires END
	AS expires
FROM chancery.authz a
LEFT JOIN chancery.account c ON c.id = a.account_id
LEFT JOIN chancery.evidence e ON e.authorization_id = a.id
LEFT JOIN chancery.authorization_end x ON x.authorization_id = a.id;

CREATE VIEW order_status AS
SELECT o.id, o.account_id, o.digest, o.expires, o.profile, o.not_before,
    o.not_after, o.replaces, f.problem, z.names,
    CASE
	WHEN f.issued THEN 'valid'
	WHEN f.rejected THEN 'invalid'
	WHEN f.finalizing THEN 'processing'
	WHEN c.status IS DISTINCT FROM 'valid' THEN 'invalid'
	WHEN o.expires <= statement_timestamp() THEN 'invalid'
	WHEN z.any_dead THEN 'invalid'
	WHEN z.all_valid THEN 'ready'
	ELSE 'pending'
    END AS status
FROM chancery.orders o
LEFT JOIN chancery.account c ON c.id = o.account_id
CROSS JOIN LATERAL (
	SELECT coalesce(bool_or(u.result = 'done'), false) AS issued,
	    coalesce(bool_or(u.result = 'refused' AND u.terminal), false)
		AS rejected,
	    coalesce(bool_or(u.request_id IS NULL), false) AS finalizing,
	    (array_agg(u.problem ORDER BY r.id) FILTER
		(WHERE u.result = 'refused' AND u.terminal))[1] AS problem
	FROM chancery.request r
	LEFT JOIN chancery.outcome u ON u.request_id = r.id
	WHERE r.object_id = o.id AND r.kind = 'finalize') f
CROSS JOIN LATERAL (
	SELECT coalesce(bool_and(s.status = 'valid'), false) AS all_valid,
	    coalesce(bool_or(s.status NOT IN ('valid', 'pending')), false)
		AS any_dead,
	    json_agg(json_build_object('type', s.type, 'value', s.value,
		'wildcard', s.wildcard, 'public', translate(
		encode(int8send(s.id) || s.public, 'base64'), '+/', '-_'))
		ORDER BY l.position) AS names
	FROM chancery.order_authorization l
	JOIN chancery.authorization_status s ON s.id = l.authorization_id
	WHERE l.order_id = o.id) z;
