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
-- numeric.  Not of language sql: that is planned again in each transaction.
CREATE SEQUENCE id_sequence MINVALUE 0 MAXVALUE 2047 START 0 CYCLE CACHE 32;

CREATE FUNCTION new_id() RETURNS bigint LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog AS $$
BEGIN
	RETURN ((date_part('epoch', clock_timestamp()) * 1000000)::bigint << 11)
	    | nextval('chancery.id_sequence');
END $$;

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
	kind		text NOT NULL CHECK (kind IN ('ceremony', 'key',
			    'validation', 'intent', 'issued', 'refused',
			    'abandoned', 'act')),
	entry		bytea COMPRESSION lz4 NOT NULL
			    CHECK (octet_length(entry) BETWEEN 2 AND 65535),
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
	seal		bytea NOT NULL CHECK (octet_length(seal) = 32)
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
	seal		bytea NOT NULL CHECK (octet_length(seal) = 32),
	UNIQUE (name, version)
);

CREATE TABLE account (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	public		bytea NOT NULL CHECK (octet_length(public) = 16),
	thumbprint	bytea NOT NULL UNIQUE
			    CHECK (octet_length(thumbprint) = 32),
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
	seal		bytea NOT NULL CHECK (octet_length(seal) = 32),
	CHECK (external IS NULL OR eab IS NOT NULL)
);
CREATE INDEX account_eab ON account (eab) WHERE eab IS NOT NULL;

-- Every thumbprint that any account ever had (RFC 8555, 11.1).
CREATE TABLE account_key (
	thumbprint	bytea PRIMARY KEY CHECK (octet_length(thumbprint) = 32),
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
	seal		bytea NOT NULL CHECK (octet_length(seal) = 32),
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
	kind		text NOT NULL CHECK (kind IN ('new-account',
			    'account-update', 'account-deactivate',
			    'key-change', 'authz-deactivate', 'finalize',
			    'officer-act')),
	account_id	bigint,			-- of those signed with kid
	object_id	bigint,			-- order or authorization
	jws		bytea COMPRESSION lz4 NOT NULL
			    CHECK (octet_length(jws) BETWEEN 1 AND 32768),
	digest		bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
	received	timestamptz NOT NULL DEFAULT clock_timestamp(),
	attempts	integer NOT NULL DEFAULT 0,	-- the signer's
	CHECK ((account_id IS NULL) = (kind IN ('new-account',
	    'officer-act'))),
	CHECK ((object_id IS NOT NULL) = (kind IN ('finalize',
	    'authz-deactivate')))
) WITH (toast_tuple_target = 8160);
CREATE INDEX request_object ON request (object_id) WHERE object_id IS NOT NULL;
-- Which keys signed the orders that an account made before.
CREATE INDEX request_key_change ON request (account_id, id)
    WHERE kind = 'key-change';

CREATE TABLE orders (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	account_id	bigint NOT NULL,
	jws		bytea COMPRESSION lz4 NOT NULL
			    CHECK (octet_length(jws) BETWEEN 1 AND 32768),
	digest		bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
	-- What the order shows; the signer reads the JWS instead.
	profile		text NOT NULL CHECK (octet_length(profile) <= 64 AND
			    profile ~ '^[a-z0-9-]+$'),
	profile_hash	bytea NOT NULL CHECK (octet_length(profile_hash) = 32),
	not_before	timestamptz,
	not_after	timestamptz,
	replaces	text CHECK (octet_length(replaces) <= 128),
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
	public		bytea NOT NULL CHECK (octet_length(public) = 16),
	account_id	bigint NOT NULL,
	type		text NOT NULL,
	value		text NOT NULL,
	wildcard	boolean NOT NULL,
	granted		boolean NOT NULL DEFAULT false,
	token		text NOT NULL CHECK (token ~ '^[A-Za-z0-9_-]+$' AND
			    octet_length(token) BETWEEN 22 AND 64),
	methods		text[] NOT NULL CHECK (methods <@ ARRAY['http-01',
			    'dns-01', 'dns-account-01', 'tls-alpn-01']),
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
CREATE INDEX order_authorization_back ON order_authorization (authorization_id);

-- "Client is ready" (RFC 8555, 7.5.1), under the key that the account had at
-- that moment (8.1).  Said again it asks for another try (8.2).
CREATE TABLE challenge_ready (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	authorization_id bigint NOT NULL,
	method		text NOT NULL CHECK (method IN ('http-01', 'dns-01',
			    'dns-account-01', 'tls-alpn-01')),
	thumbprint	bytea NOT NULL CHECK (octet_length(thumbprint) = 32),
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
	wanted_id	bigint UNIQUE,
	account_id	bigint NOT NULL,
	thumbprint	bytea NOT NULL CHECK (octet_length(thumbprint) = 32),
	type		text NOT NULL CHECK (type IN ('dns', 'ip')),
	value		text NOT NULL CHECK (octet_length(value) <= 253),
	wildcard	boolean NOT NULL,
	method		text NOT NULL CHECK (method IN ('http-01', 'dns-01',
			    'dns-account-01', 'tls-alpn-01', 'caa')),
	proven_by	text CHECK (octet_length(proven_by) <= 32),
	result		text NOT NULL CHECK (result IN ('valid', 'invalid')),
	problem		text			-- problem document, if invalid
			    CHECK (octet_length(problem) <= 8192),
	transcript	text COMPRESSION lz4 NOT NULL	-- JSON: addresses, hops
			    CHECK (octet_length(transcript) <= 16384),
	caa_seconds	integer		-- CAA need not be looked at before
			    CHECK (caa_seconds BETWEEN 0 AND 604800),
	at		timestamptz NOT NULL DEFAULT clock_timestamp(),
	valid_until	timestamptz NOT NULL
			    DEFAULT clock_timestamp() + interval '30 days',
	CHECK ((problem IS NULL) = (result = 'valid')),
	CHECK ((method = 'caa') = (authorization_id IS NULL)),
	CHECK ((method = 'caa') = (wanted_id IS NOT NULL)),
	CHECK ((method = 'caa') = (proven_by IS NOT NULL))
) WITH (toast_tuple_target = 8160);
-- Ends with the id, so that the newest is found first, however many there are.
CREATE INDEX evidence_lookup ON evidence (account_id, type, value, id);

-- ------------------------------------------------------ what the signer fills

-- The end of a request: once, for ever.  `terminal` is false for a refusal
-- after which the order may be finalized again (badCSR; RFC 8555, 7.4).
CREATE TABLE outcome (
	request_id	bigint PRIMARY KEY,
	result		text NOT NULL CHECK (result IN ('done', 'refused')),
	terminal	boolean NOT NULL,
	problem		text,			-- problem document, if refused
	account_id	bigint,			-- of new-account
	certificate_id	bigint,			-- of finalize
	detail		text			-- JSON, of officer-act
			    CHECK (octet_length(detail) <= 8192),
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
	type		text NOT NULL CHECK (type IN ('dns', 'ip')),
	value		text NOT NULL CHECK (octet_length(value) <= 253),
	wildcard	boolean NOT NULL,
	method		text NOT NULL CHECK (octet_length(method) <= 32),
	at		timestamptz NOT NULL DEFAULT clock_timestamp(),
	attempts	integer NOT NULL DEFAULT 0,	-- the validator's
	UNIQUE (request_id, type, value, wildcard)
);

-- Where an evidence row stands in the log.
CREATE TABLE evidence_logged (
	evidence_id	bigint PRIMARY KEY,
	index		bigint NOT NULL UNIQUE REFERENCES log_entry
);

-- Decided, logged, not yet signed: durable before the token is asked.  The
-- claim is written here: `instance` is the run that decided or took over.
CREATE TABLE intent (
	index		bigint PRIMARY KEY REFERENCES log_entry,
	request_id	bigint UNIQUE,		-- NULL at the ceremony
	order_id	bigint UNIQUE,
	account_id	bigint,
	issuer_id	bigint NOT NULL REFERENCES issuer,
	profile_id	bigint REFERENCES profile,
	serial		bytea NOT NULL UNIQUE CHECK
			    (octet_length(serial) BETWEEN 16 AND 20),
	tbs		bytea COMPRESSION lz4 NOT NULL,
	spki_hash	bytea NOT NULL CHECK (octet_length(spki_hash) = 32),
	instance	bigint NOT NULL,
	at		timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (toast_tuple_target = 8160);

-- The one end of an intent: `issued` or `abandoned`.
CREATE TABLE closing (
	intent		bigint PRIMARY KEY REFERENCES intent,
	index		bigint NOT NULL UNIQUE REFERENCES log_entry
);

CREATE TABLE certificate (
	id		bigint PRIMARY KEY DEFAULT new_id(),
	public		bytea NOT NULL CHECK (octet_length(public) = 16),
	serial		bytea NOT NULL UNIQUE,
	intent		bigint NOT NULL UNIQUE REFERENCES intent,
	order_id	bigint UNIQUE,		-- NULL at the ceremony
	account_id	bigint,
	issuer_id	bigint NOT NULL REFERENCES issuer,
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

-- RFC 8555, 7.1.6.  state.c says the same in C; a test compares them.  The
-- time is that of the statement: with clock_timestamp(), which is volatile,
-- the planner could not look up single rows through the views.
CREATE VIEW authorization_status AS
SELECT a.id,
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
SELECT o.id,
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
	    coalesce(bool_or(u.request_id IS NULL), false) AS finalizing
	FROM chancery.request r
	LEFT JOIN chancery.outcome u ON u.request_id = r.id
	WHERE r.object_id = o.id AND r.kind = 'finalize') f
CROSS JOIN LATERAL (
	SELECT coalesce(bool_and(s.status = 'valid'), false) AS all_valid,
	    coalesce(bool_or(s.status NOT IN ('valid', 'pending')), false)
		AS any_dead
	FROM chancery.order_authorization l
	JOIN chancery.authorization_status s ON s.id = l.authorization_id
	WHERE l.order_id = o.id) z;
