-- SPDX-License-Identifier: Apache-2.0
--
-- Who may do what.  Run by the owner role at every `chanceryctl db migrate`,
-- in the same transaction: first everything is taken away, then each role
-- gets what its queries (queries-*.sql) need.  Faces INSERT named columns and
-- SELECT; ids, times and attempts are never theirs to write.

SET LOCAL search_path = chancery, pg_catalog;

REVOKE ALL ON SCHEMA chancery FROM PUBLIC, chancery_acme, chancery_validator,
    chancery_signer, chancery_publisher, chancery_operator;
REVOKE ALL ON ALL TABLES IN SCHEMA chancery FROM PUBLIC, chancery_acme,
    chancery_validator, chancery_signer, chancery_publisher,
    chancery_operator;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA chancery FROM PUBLIC, chancery_acme,
    chancery_validator, chancery_signer, chancery_publisher,
    chancery_operator;
REVOKE ALL ON ALL ROUTINES IN SCHEMA chancery FROM PUBLIC, chancery_acme,
    chancery_validator, chancery_signer, chancery_publisher,
    chancery_operator;

REVOKE ALL ON DOMAIN caa_seconds, challenge_method, challenge_methods,
    challenge_token, digest, entry_kind, entry_text, evidence_method,
    evidence_result, identifier, identifier_type, message, outcome_detail,
    outcome_result, problem_text, profile_name, proof_name, renewal_name,
    request_kind, secret, transcript FROM PUBLIC;

GRANT USAGE ON SCHEMA chancery TO chancery_acme, chancery_validator,
    chancery_signer, chancery_publisher, chancery_operator;
GRANT SELECT ON schema_version TO chancery_acme, chancery_validator,
    chancery_signer, chancery_publisher, chancery_operator;

-- Those who insert rows with an id.
GRANT USAGE ON SEQUENCE id_sequence
    TO chancery_acme, chancery_validator, chancery_signer;
GRANT EXECUTE ON FUNCTION new_id()
    TO chancery_acme, chancery_validator, chancery_signer;

-- chancery-acme: faces the Internet.
GRANT SELECT ON account, account_key, issuer, profile, directive, orders,
    authz, authorization_end, order_authorization, challenge_ready, evidence,
    outcome, certificate, request, rate_event, nonce_key,
    authorization_status, order_status TO chancery_acme;
GRANT INSERT (kind, account_id, object_id, jws, digest) ON request
    TO chancery_acme;
GRANT INSERT (account_id, jws, digest, profile, profile_hash, not_before,
    not_after, replaces, replaces_certificate, replaces_attempt) ON orders
    TO chancery_acme;
GRANT INSERT (public, account_id, type, value, wildcard, granted, token,
    methods) ON authz TO chancery_acme;
GRANT INSERT (order_id, position, authorization_id) ON order_authorization
    TO chancery_acme;
GRANT INSERT (authorization_id, method, thumbprint) ON challenge_ready
    TO chancery_acme;
GRANT INSERT (key) ON rate_event TO chancery_acme;
GRANT INSERT (key) ON nonce_key TO chancery_acme;
GRANT INSERT (nonce) ON nonce_spent TO chancery_acme;

-- chancery-validator: the only one that writes evidence, never its times.
GRANT SELECT ON account, account_key, authz, challenge_ready, evidence,
    caa_wanted, authorization_end, instance TO chancery_validator;
GRANT INSERT (authorization_id, wanted_id, account_id, thumbprint, type,
    value, wildcard, method, proven_by, result, problem, transcript,
    caa_seconds) ON evidence TO chancery_validator;
GRANT INSERT (process, host), UPDATE (ended) ON instance
    TO chancery_validator;
GRANT UPDATE (attempts) ON challenge_ready, caa_wanted TO chancery_validator;

-- chancery-signer: turns requests into effects; the only writer of the log.
GRANT SELECT ON account, account_key, act, authz, authorization_end,
    caa_wanted, certificate, closing, directive, evidence, evidence_logged, instance, intent, issuer, log_entry,
    log_head, orders, outcome, profile, request TO chancery_signer;
GRANT INSERT (index, kind, entry, leaf_hash) ON log_entry TO chancery_signer;
GRANT UPDATE (size) ON log_head TO chancery_signer;
GRANT INSERT (index, request_id, order_id, account_id, issuer_id, profile_id,
    serial, tbs, spki_hash, instance), UPDATE (instance) ON intent
    TO chancery_signer;
GRANT INSERT (intent, index) ON closing TO chancery_signer;
GRANT INSERT (evidence_id, index) ON evidence_logged TO chancery_signer;
GRANT INSERT (public, serial, intent, order_id, account_id, issuer_id, der,
    not_before, not_after) ON certificate TO chancery_signer;
GRANT INSERT (request_id, result, terminal, problem, account_id,
    certificate_id, detail) ON outcome TO chancery_signer;
GRANT INSERT (id, public, thumbprint, jwk, status, contact, terms, eab,
    external, request_id, seal),
    UPDATE (thumbprint, jwk, status, contact, terms, seal) ON account
    TO chancery_signer;
GRANT INSERT (thumbprint, account_id) ON account_key TO chancery_signer;
GRANT INSERT (authorization_id, kind, request_id) ON authorization_end
    TO chancery_signer;
GRANT INSERT (process, host), UPDATE (ended) ON instance TO chancery_signer;
GRANT UPDATE (attempts) ON request TO chancery_signer;
GRANT INSERT (id, kind, name, version, body, hash, request_id, seal)
    ON directive TO chancery_signer;
GRANT INSERT (act_id, request_id) ON act TO chancery_signer;
GRANT INSERT (id, name, version, issuer_id, body, hash, seal) ON profile
    TO chancery_signer;
GRANT INSERT (request_id, account_id, type, value, wildcard, method)
    ON caa_wanted TO chancery_signer;

-- chancery-publisher: what anybody may know.
GRANT SELECT ON issuer TO chancery_publisher;

-- chanceryctl status: counts and times, never what requesters sent; and the
-- acts of officers, which only their signatures make count.
GRANT USAGE ON SEQUENCE id_sequence TO chancery_operator;
GRANT EXECUTE ON FUNCTION new_id() TO chancery_operator;
GRANT SELECT ON directive, profile TO chancery_operator;
GRANT SELECT (id, public, status, eab, created) ON account
    TO chancery_operator;
GRANT SELECT ON log_head, outcome, closing TO chancery_operator;
GRANT SELECT (id, name, certificate, root) ON issuer TO chancery_operator;
GRANT SELECT (id, received, digest), INSERT (kind, jws, digest) ON request
    TO chancery_operator;
GRANT SELECT (index, at) ON intent TO chancery_operator;
GRANT SELECT (id, not_after, at) ON certificate TO chancery_operator;
