# SPDX-License-Identifier: Apache-2.0
"""What PostgreSQL refuses to a thief of one of the roles, act by act, each
with its SQLSTATE; what the roles may do, read back and held against a table;
and that what our own programs run is allowed."""
import os
import pathlib
import re

import psycopg2
import pytest

from appliance import database, env, rows
from roles import ROLES, USERS, attempt, connect_error, refused, run

DENIED, CHECK, UNIQUE, NOT_NULL = "42501", "23514", "23505", "23502"

ACME, VALIDATOR, SIGNER, PUBLISHER, OPERATOR = ROLES
FACES = (ACME, VALIDATOR, PUBLISHER, OPERATOR)

D32 = "'\\x" + "5a" * 32 + "'::bytea"
D16 = "'\\x" + "5a" * 16 + "'::bytea"
TABLES = ("account", "account_key", "act", "authorization_end", "authz",
          "caa_wanted", "certificate", "challenge_ready", "closing",
          "directive", "evidence", "evidence_logged", "instance", "intent",
          "issuer", "log_entry", "log_head", "nonce_key", "nonce_spent",
          "order_authorization", "orders", "outcome",
          "profile", "rate_event", "request", "schema_version")

ORDER = ("INSERT INTO orders (account_id, jws, digest, profile,"
         " profile_hash{}) VALUES (1, {}, {}, 'server', " + D32 + "{})")
AUTHZ = ("INSERT INTO authz (public, account_id, type, value, wildcard,"
         " token, methods{}) VALUES ({}, 1, '{}', '{}', {}, '{}', '{}'{})")
READY = ("INSERT INTO challenge_ready (authorization_id, method, thumbprint"
         "{}) VALUES (-1, '{}', {}{})")
REQUEST = ("INSERT INTO request (kind, account_id, object_id, jws, digest) "
           "VALUES ('{}', {}, {}, {}, {})")
EVIDENCE = ("INSERT INTO evidence (authorization_id, account_id, thumbprint,"
            " type, value, wildcard, method, result, problem, transcript{})"
            " VALUES (-7, 1, " + D32 + ", 'dns', 'a.test', false,"
            " 'http-01', 'valid', NULL, '{{}}'{})")


def order(jws="'x'", digest=D32, column="", value=""):
    return ORDER.format(column, jws, digest, value)


def authz(public=D16, type="dns", value="a.test", wildcard="false",
          token="a" * 22, methods="{http-01}", more=("", "")):
    return AUTHZ.format(more[0], public, type, value, wildcard, token,
                        methods, more[1])


def ready(method="http-01", thumbprint=D32, more=("", "")):
    return READY.format(more[0], method, thumbprint, more[1])


# ------------------------------------------------------- positive controls

@pytest.mark.parametrize("role", ROLES)
def test_connects(role):
    got, _ = run(role, "SELECT current_user, session_user, version::text"
                 " FROM schema_version")
    assert got == [[role, role, "2"]]


def test_acme_may_do_its_work():
    run(ACME, order() + " RETURNING id",
        REQUEST.format("finalize", 1, 2, "'x'", D32),
        authz() + " RETURNING id", authz(type="ip", value="192.0.2.1"),
        authz(type="ip", value="2001:db8::1"),
        "INSERT INTO order_authorization (order_id, position,"
        " authorization_id) VALUES (-1, 0, -1)",
        order(column=", replaces, replaces_certificate, replaces_attempt",
              value=", 'x', -1, 0", digest="sha256('x')"),
        ready(), ready(),
        "INSERT INTO rate_event (key) VALUES ('order:1')",
        f"INSERT INTO nonce_spent (nonce) VALUES ({D32})")


def test_operator_may_hand_in_acts():
    run(OPERATOR, "INSERT INTO request (kind, jws, digest)"
        f" VALUES ('officer-act', 'x', {D32}) RETURNING id",
        "SELECT body FROM directive", "SELECT body FROM profile")


def test_validator_may_do_its_work():
    run(VALIDATOR, EVIDENCE.format("", ""),
        "INSERT INTO instance (process, host) VALUES ('validator', 'h')",
        "UPDATE instance SET ended = now() WHERE host = 'h'"
        " AND process = 'validator'")


def test_signer_may_append():
    run(SIGNER, "SELECT size FROM log_head FOR UPDATE",
        "INSERT INTO log_entry (index, kind, entry, leaf_hash) SELECT size,"
        " 'refused', '{}', sha256('\\x00'::bytea || '{}'::bytea)"
        " FROM log_head", "UPDATE log_head SET size = size + 1")


def statements():
    """Every statement of every process, with the role that runs it."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "db"
    for path in sorted(folder.glob("queries-*.sql")):
        name = path.stem.removeprefix("queries-")
        role = f"chancery_{name}"
        role = role if role in ROLES else "chancery"
        for block in path.read_text().split("-- name: ")[1:]:
            title, _, sql = block.partition("\n")
            yield pytest.param(role, sql.strip().rstrip(";"),
                               id=f"{name}-{title.strip()}")


@pytest.mark.parametrize("role, sql", statements())
def test_own_statements_are_allowed(role, sql):
    """EXPLAIN checks the rights that the execution would need."""
    count = max([int(n) for n in re.findall(r"\$(\d+)", sql)], default=0)
    values = "(" + ", ".join(["NULL"] * count) + ")" if count else ""
    run(role, f"PREPARE ours AS {sql}", f"EXPLAIN EXECUTE ours{values}")


# --------------------------------------------------- writing what is not ours

@pytest.mark.parametrize("role", FACES)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
def test_faces_change_nothing(role, table, verb):
    if verb == "UPDATE":
        column = rows("SELECT a.attname FROM pg_attribute a WHERE a.attrelid"
                      " = %s::regclass AND a.attnum = 1",
                      f"chancery.{table}")[0][0]
        sql = f"UPDATE {table} SET {column} = {column}"
    elif verb == "DELETE":
        sql = f"DELETE FROM {table}"
    else:
        sql = f"TRUNCATE {table} CASCADE"
    refused(role, DENIED, sql)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", ["DELETE FROM", "TRUNCATE"])
def test_signer_deletes_nothing(table, verb):
    refused(SIGNER, DENIED, f"{verb} {table}")


@pytest.mark.parametrize("column", ["index", "kind", "entry", "leaf_hash",
                                    "at"])
def test_signer_rewrites_no_log(column):
    refused(SIGNER, DENIED, f"UPDATE log_entry SET {column} = {column}")


@pytest.mark.parametrize("sql", [
    "UPDATE account SET id = id",
    "UPDATE account SET eab = eab",
    "UPDATE directive SET body = body",
    "UPDATE act SET act_id = act_id",
    "UPDATE request SET jws = jws",
    "UPDATE request SET digest = digest",
    "UPDATE orders SET account_id = account_id",
    "UPDATE evidence SET valid_until = valid_until",
    "UPDATE certificate SET der = der",
    "UPDATE intent SET tbs = tbs",
    "UPDATE outcome SET result = result",
    "UPDATE issuer SET seal = seal",
    "INSERT INTO issuer SELECT * FROM issuer",
    "INSERT INTO profile SELECT * FROM profile",
    "INSERT INTO directive SELECT * FROM directive",
    "DELETE FROM act",
    "INSERT INTO evidence SELECT * FROM evidence",
    "INSERT INTO request SELECT * FROM request",
    "INSERT INTO log_entry (at) VALUES (now())"])
def test_signer_is_bounded_too(sql):
    refused(SIGNER, DENIED, sql)


def test_a_wrong_leaf_hash_is_refused():
    refused(SIGNER, CHECK, "INSERT INTO log_entry (index, kind, entry,"
            f" leaf_hash) VALUES (1000000000, 'refused', '{{}}', {D32})")


@pytest.mark.parametrize("verb", ["UPDATE log_entry SET kind = kind",
                                  "DELETE FROM log_entry",
                                  "TRUNCATE log_entry CASCADE"])
def test_not_even_the_owner_rewrites_the_log(verb):
    connection = database()
    connection.autocommit = False
    with pytest.raises(psycopg2.Error) as error:
        connection.cursor().execute(verb)
    connection.close()
    assert error.value.pgcode == DENIED
    assert "append-only" in str(error.value)


INSERTS = {
    "evidence": EVIDENCE.format("", ""),
    "certificate": "INSERT INTO certificate (public, serial, intent,"
    " issuer_id, der, not_before, not_after)"
    f" VALUES ({D16}, {D16}, 0, 0, 'x', now(), now())",
    "account": "INSERT INTO account (public, thumbprint, jwk, status,"
    f" contact, request_id, seal) VALUES ({D16}, {D32}, '{{}}', 'valid',"
    f" '[]', 1, {D32})",
    "account_key": f"INSERT INTO account_key VALUES ({D32}, 1)",
    "log_entry": "INSERT INTO log_entry (index, kind, entry, leaf_hash)"
    " VALUES (1000000000, 'issued', '{}',"
    " sha256('\\x00'::bytea || '{}'::bytea))",
    "log_head": "INSERT INTO log_head DEFAULT VALUES",
    "outcome": "INSERT INTO outcome (request_id, result, terminal)"
    " VALUES (-1, 'done', true)",
    "authorization_end": "INSERT INTO authorization_end (authorization_id,"
    " kind, request_id) VALUES (-1, 'deactivated', -1)",
    "evidence_logged": "INSERT INTO evidence_logged VALUES (-1, 0)",
    "intent": "INSERT INTO intent (index, issuer_id, serial, tbs, spki_hash,"
    f" instance) VALUES (0, 0, {D16}, 'x', {D32}, 1)",
    "closing": "INSERT INTO closing VALUES (0, 0)",
    "issuer": "INSERT INTO issuer (name, certificate, root, key_id, seal)"
    f" VALUES ('x', 'x', 'x', 'x', {D32})",
    "directive": "INSERT INTO directive (id, kind, name, version, body,"
    f" hash, seal) VALUES (1, 'grant', 'x', 1, '{{}}', sha256('{{}}'), {D32})",
    "act": f"INSERT INTO act (act_id, request_id) VALUES ({D32}, 1)",
    "caa_wanted": "INSERT INTO caa_wanted (request_id, account_id, type,"
    " value, wildcard, method) VALUES (1, 1, 'dns', 'a.test', false,"
    " 'http-01')",
    "rate_event": "INSERT INTO rate_event (key) VALUES ('x')",
    "profile": "INSERT INTO profile (name, version, issuer_id, body, hash,"
    f" seal) VALUES ('x', 99, 0, '{{}}', sha256('{{}}'), {D32})",
    "instance": "INSERT INTO instance (process, host)"
    " VALUES ('signer', 'x')",
    "schema_version": "INSERT INTO schema_version (version) VALUES (99)",
    "request": REQUEST.format("finalize", 1, 2, "'x'", D32),
    "orders": order(),
    "challenge_ready": ready(),
}
FACE_INSERTS = {ACME: {"request", "orders", "challenge_ready", "rate_event"},
                VALIDATOR: {"evidence"}, PUBLISHER: set(), OPERATOR: set()}


@pytest.mark.parametrize("role, table", [
    (role, table) for role in FACES for table in INSERTS
    if table not in FACE_INSERTS[role]])
def test_faces_insert_nothing_else(role, table):
    refused(role, DENIED, INSERTS[table])


@pytest.mark.parametrize("sql", [
    "INSERT INTO request (id, kind, account_id, object_id, jws, digest)"
    f" VALUES (1, 'finalize', 1, 2, 'x', {D32})",
    "INSERT INTO request (kind, account_id, object_id, jws, digest,"
    f" received) VALUES ('finalize', 1, 2, 'x', {D32}, now())",
    "INSERT INTO request (kind, account_id, object_id, jws, digest,"
    f" attempts) VALUES ('finalize', 1, 2, 'x', {D32}, -1000)",
    order(column=", id", value=", 1"),
    order(column=", expires", value=", now() + interval '10 years'"),
    order(column=", created", value=", now()"),
    authz(more=(", id", ", 1")),
    authz(more=(", expires", ", now()")),
    ready(more=(", attempts", ", -5")),
    ready(more=(", at", ", now()")),
    "INSERT INTO rate_event (key, id) VALUES ('x', 1)",
    "INSERT INTO nonce_spent (nonce, at)"
    f" VALUES ({D32}, now())"])
def test_acme_chooses_no_ids_times_or_attempts(sql):
    refused(ACME, DENIED, sql)


@pytest.mark.parametrize("column, value", [
    ("id", "1"), ("at", "now() - interval '1 year'"),
    ("at", "now() + interval '1 year'"),
    ("valid_until", "now() + interval '10 years'")])
def test_evidence_is_not_dated_by_the_validator(column, value):
    refused(VALIDATOR, DENIED,
            EVIDENCE.format(f", {column}", f", {value}"))


def test_evidence_is_given_once():
    refused(VALIDATOR, UNIQUE, EVIDENCE.format("", ""),
            EVIDENCE.format("", ""))


# ------------------------------------------------------------------- CHECKs

@pytest.mark.parametrize("role, sql", [
    (ACME, REQUEST.format("revoke", 1, 2, "'x'", D32)),
    (ACME, REQUEST.format("finalize", 1, "NULL", "'x'", D32)),
    (ACME, REQUEST.format("finalize", "NULL", 2, "'x'", D32)),
    (ACME, REQUEST.format("new-account", 1, "NULL", "'x'", D32)),
    (ACME, REQUEST.format("account-update", 1, 2, "'x'", D32)),
    (ACME, REQUEST.format("finalize", 1, 2, "''", D32)),
    (ACME, REQUEST.format("finalize", 1, 2, "repeat('x', 32769)::bytea",
                          D32)),
    (ACME, REQUEST.format("finalize", 1, 2, "'x'", D16)),
    (ACME, order(jws="repeat('x', 32769)::bytea")),
    (ACME, order(digest=D16)),
    (ACME, order().replace("'server'", "'Server'")),
    (ACME, order(column=", replaces", value=", repeat('x', 129)")),
    (ACME, "INSERT INTO rate_event (key) VALUES (repeat('x', 301))"),
    (ACME, authz(type="ip", value="192.0.2.1", wildcard="true")),
    *[(ACME, authz(public=public, type=type, value=value))
      for public, type, value in [
          (D32, "dns", "a.test"), (D16, "ip", "a.test"), (D16, "dns", "a-"),
          (D16, "ip", "192.0.2.1/8"), (D16, "ip", "FE80::1"),
          (D16, "email", "a.test"),
          (D16, "dns", "A.test"), (D16, "dns", "*.a.test"),
          (D16, "dns", "a..test"), (D16, "dns", "a.test."),
          (D16, "dns", "-a.test"), (D16, "dns", "a.test\n"),
          (D16, "dns", "a_b.test"), (D16, "dns", "a" * 64 + ".test"),
          (D16, "dns", "a." * 126 + "test"), (D16, "dns", "")]],
    *[(ACME, authz(methods=methods, token=token))
      for methods, token in [
          ("{dns-02}", "a" * 22), ("{http-01}", "a" * 21),
          ("{http-01}", "a" * 65), ("{http-01}", "../" + "a" * 22),
          ("{http-01}", "a" * 22 + "\n")]],
    (ACME, ready(method="dns-02")),
    (ACME, ready(method="caa")),
    (ACME, ready(thumbprint=D16)),
    (OPERATOR, "INSERT INTO request (kind, jws, digest)"
     f" VALUES ('finalize', 'x', {D32})"),
    (ACME, "INSERT INTO order_authorization (order_id, position,"
     " authorization_id) VALUES (-1, 1000, -1)"),
    (ACME, f"INSERT INTO nonce_spent (nonce) VALUES ({D16})"),
    (ACME, f"INSERT INTO nonce_key (key) VALUES ({D16})"),
    (VALIDATOR, EVIDENCE.format("", "").replace("'http-01'", "'dns-02'")),
    (VALIDATOR, EVIDENCE.format("", "").replace("'http-01'", "'caa'")),
    (VALIDATOR, EVIDENCE.format(", wanted_id", ", 1")),
    (VALIDATOR, EVIDENCE.format(", caa_seconds", ", 604801")),
    (VALIDATOR, EVIDENCE.format("", "").replace("'dns'", "'email'")),
    (VALIDATOR, EVIDENCE.format("", "").replace("'valid'", "'yes'")),
    (VALIDATOR, EVIDENCE.format("", "").replace("'valid'", "'invalid'")),
    (VALIDATOR, EVIDENCE.format("", "").replace("NULL", "'{}'")),
    (VALIDATOR, EVIDENCE.format("", "").replace(
        "'{}'", "repeat('x', 16385)")),
    (VALIDATOR, EVIDENCE.format("", "").replace(D32, D16)),
])
def test_columns_are_bounded(role, sql):
    refused(role, CHECK, sql)


def test_a_jws_is_accepted_once():
    refused(ACME, UNIQUE, REQUEST.format("finalize", 1, 2, "'x'", D32),
            REQUEST.format("finalize", 1, 3, "'x'", D32))
    refused(ACME, UNIQUE, REQUEST.format("finalize", 1, 2, "'x'", D32),
            REQUEST.format("authz-deactivate", 1, 2, "'x'", D32))


def test_the_nonce_key_is_made_once():
    refused(ACME, UNIQUE, f"INSERT INTO nonce_key (key) VALUES ({D32})"
            " ON CONFLICT DO NOTHING",
            f"INSERT INTO nonce_key (key) VALUES ({D32})")


# ------------------------------------------------------------------ reading

@pytest.mark.parametrize("role", [r for r in ROLES if r != ACME])
@pytest.mark.parametrize("table", ["nonce_key", "nonce_spent"])
def test_nonces_are_for_acme_only(role, table):
    refused(role, DENIED, f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("table", [t for t in TABLES if t not in
                                   ("issuer", "schema_version")])
def test_publisher_reads_only_what_it_serves(table):
    refused(PUBLISHER, DENIED, f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("column, table", [
    ("jws", "request"), ("jws", "orders"), ("tbs", "intent"),
    ("entry", "log_entry"), ("transcript", "evidence"), ("seal", "account"),
    ("contact", "account"), ("token", "authz"), ("key", "nonce_key"),
    ("key_id", "issuer"), ("der", "certificate"), ("serial", "intent")])
def test_operator_reads_no_contents(column, table):
    refused(OPERATOR, DENIED, f"SELECT {column} FROM {table}")


@pytest.mark.parametrize("table", ["log_entry", "log_head", "intent",
                                   "closing", "act", "instance",
                                   "caa_wanted", "evidence_logged"])
def test_acme_does_not_read_the_log(table):
    refused(ACME, DENIED, f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("table", ["request", "orders", "certificate",
                                   "log_entry", "intent", "outcome"])
def test_validator_reads_no_requests(table):
    refused(VALIDATOR, DENIED, f"SELECT count(*) FROM {table}")


# -------------------------------------------------------------------- locks

@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("mode", [
    "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE",
    "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"])
def test_no_table_locks(role, mode):
    for table in ("request", "log_entry", "issuer"):
        refused(role, DENIED, f"LOCK TABLE {table} IN {mode} MODE")


@pytest.mark.parametrize("strength", ["UPDATE", "NO KEY UPDATE", "SHARE",
                                      "KEY SHARE"])
def test_acme_locks_no_rows(strength):
    for table in ("account", "request", "orders", "evidence", "outcome",
                  "certificate", "challenge_ready", "nonce_key"):
        refused(ACME, DENIED, f"SELECT 1 FROM {table} FOR {strength}")


@pytest.mark.parametrize("function", [
    "pg_advisory_lock(1)", "pg_advisory_xact_lock(1)",
    "pg_advisory_lock_shared(1, 2)", "pg_try_advisory_lock(1)",
    "pg_try_advisory_xact_lock_shared(1)", "pg_advisory_unlock_all()"])
@pytest.mark.parametrize("role", ROLES)
def test_no_advisory_locks(role, function):
    refused(role, DENIED, f"SELECT {function}")


def test_validator_cannot_pose_as_a_signer():
    """Neither a row that says a signer died, nor the lock or the end of one
    that lives."""
    refused(VALIDATOR, DENIED, INSERTS["instance"])
    for sql in ("UPDATE instance SET ended = now() WHERE process = 'signer'",
                "SELECT 1 FROM instance WHERE process = 'signer'"
                " FOR UPDATE SKIP LOCKED"):
        assert run(VALIDATOR, sql)[1] == 0
    refused(SIGNER, DENIED, INSERTS["instance"].replace("signer",
                                                        "validator"))


# ------------------------------------------------------------ making objects

@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("sql", [
    "CREATE TEMPORARY TABLE orders (id bigint)",
    "CREATE TABLE pg_temp.orders (id bigint)",
    "CREATE TEMPORARY VIEW authz AS SELECT 1",
    "CREATE TEMPORARY SEQUENCE id_sequence",
    "CREATE TABLE public.x (a bigint)",
    "CREATE TABLE chancery.x (a bigint)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION chancery.x() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.x() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.x() RETURNS bigint LANGUAGE plpgsql"
    " AS 'BEGIN RETURN 1; END'",
    "DO 'BEGIN PERFORM 1; END'",
    "DO LANGUAGE plpgsql 'BEGIN PERFORM 1; END'",
    "CREATE TYPE chancery.t AS ENUM ('a')",
    "CREATE OPERATOR chancery.= (FUNCTION = int8eq, LEFTARG = bigint,"
    " RIGHTARG = bigint)",
    "CREATE EXTENSION pg_trgm",
    "CREATE TRIGGER t BEFORE INSERT ON request FOR EACH ROW EXECUTE"
    " FUNCTION append_only()",
    "CREATE RULE r AS ON INSERT TO request DO INSTEAD NOTHING",
    "CREATE INDEX ON request (jws)",
    "CREATE POLICY p ON instance USING (true)",
    "ALTER TABLE log_entry DISABLE TRIGGER append_only",
    "ALTER TABLE instance DISABLE ROW LEVEL SECURITY",
    "ALTER VIEW order_status RENAME TO mine",
    "DROP TRIGGER append_only ON log_entry",
    "DROP TABLE request",
    "DROP VIEW order_status",
    "SELECT setval('id_sequence', 5)",
    "COMMENT ON TABLE request IS 'mine'",
    "CREATE ROLE thief",
    "CREATE DATABASE thief",
    "ALTER ROLE chancery SUPERUSER",
    "ALTER ROLE chancery PASSWORD 'x'",
    "ALTER SYSTEM SET fsync = off",
    "SET ROLE chancery",
    "SET ROLE pg_read_all_data",
    "SET SESSION AUTHORIZATION chancery",
    "SET session_replication_role = replica",
    "SET temp_file_limit = -1",
    "SET log_statement = 'none'",
    "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw",
    "CREATE PUBLICATION p FOR TABLE request",
    "CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION"
    " chancery.append_only()",
])
def test_no_objects_nor_settings(role, sql):
    states = {DENIED}
    if sql.startswith(("CREATE DATABASE", "ALTER SYSTEM")):
        states = {DENIED, "25001"}      # not inside a transaction
    if sql.startswith("CREATE SERVER"):
        states = {DENIED, "42704"}      # the wrapper is not there
    if sql.startswith("CREATE EXTENSION"):
        states = {DENIED, "0A000"}      # nor the extension
    last = attempt(role, sql)
    assert last["state"] in states, last


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("sql", [
    "SELECT lo_create(0)", "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')", "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_get(1)", "SELECT lo_unlink(1)", "SELECT lo_open(1, 131072)",
    "SELECT loread(0, 1)", "SELECT lowrite(0, 'x')",
    "SELECT lo_import('/etc/passwd')", "SELECT lo_export(1, '/tmp/x')",
    "SELECT count(*) FROM pg_catalog.pg_largeobject",
    "SELECT count(*) FROM pg_catalog.pg_largeobject_metadata"])
def test_no_large_objects(role, sql):
    refused(role, DENIED, sql)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("sql", [
    "SELECT pg_notify('a', 'b')", "SELECT pg_sleep(0)",
    "SELECT pg_sleep_for('0')", "SELECT pg_sleep_until(now())",
    "SELECT query_to_xml('SELECT 1', false, false, '')",
    "SELECT table_to_xml('chancery.schema_version', false, false, '')",
    "SELECT database_to_xml(false, false, '')",
    "SELECT pg_terminate_backend(1)", "SELECT pg_cancel_backend(1)",
    "SELECT pg_export_snapshot()",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT pg_create_physical_replication_slot('x')",
    "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('PG_VERSION')", "SELECT pg_reload_conf()",
    "SELECT * FROM ts_stat('SELECT NULL::tsvector')",
    "COPY schema_version TO '/tmp/x'", "COPY request FROM '/etc/passwd'",
    "COPY schema_version TO PROGRAM 'id'",
    "SELECT * FROM pg_authid", "SELECT * FROM pg_hba_file_rules"])
def test_no_dangerous_functions(role, sql):
    refused(role, DENIED, sql)


def test_rights_are_not_handed_on():
    got, _ = run(ACME, "GRANT SELECT ON request TO chancery_publisher",
                 "SELECT has_table_privilege('chancery_publisher',"
                 " 'request', 'SELECT')")
    assert got == [[False]]
    refused(ACME, DENIED, "GRANT SELECT ON log_entry TO chancery_acme")
    refused(ACME, DENIED, "GRANT chancery_signer TO chancery_acme")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["postgres", "template1"])
def test_no_other_database(role, name):
    assert connect_error(role, name) is not None


def test_a_process_is_one_role_only():
    """As root every process is its own system user, and PostgreSQL lets it
    in as its own role; one user that runs them all may be any."""
    for user in USERS.values():
        for role in (*ROLES, "chancery", "postgres"):
            if USERS.get(role) == user or os.geteuid() != 0:
                continue
            assert "Peer authentication failed" in \
                (connect_error(role, user=user) or ""), (role, user)
    for role in (*ROLES, "chancery"):
        assert connect_error(role) is None, role


# -------------------------------------------------------- the rights, as data

# Whole tables, SELECT only: {table: roles}.
TABLE_GRANTS = {
    "account": "acme signer validator",
    "account_key": "acme signer validator",
    "act": "signer",
    "authorization_end": "acme signer validator",
    "authorization_status": "acme",
    "authz": "acme signer validator",
    "caa_wanted": "signer validator",
    "certificate": "acme signer",
    "challenge_ready": "acme validator",
    "closing": "operator signer",
    "directive": "acme operator signer",
    "evidence": "acme signer validator",
    "evidence_logged": "signer",
    "instance": "signer validator",
    "intent": "signer",
    "issuer": "acme publisher signer",
    "log_entry": "signer",
    "log_head": "operator signer",
    "nonce_key": "acme",
    "order_authorization": "acme",
    "order_status": "acme",
    "orders": "acme signer",
    "outcome": "acme operator signer",
    "profile": "acme operator signer",
    "rate_event": "acme",
    "request": "acme signer",
    "schema_version": "acme operator publisher signer validator",
}

# Single columns: {(role, privilege, table): columns}.
COLUMN_GRANTS = {
    ("acme", "INSERT", "authz"): "account_id granted methods public token"
        " type value wildcard",
    ("acme", "INSERT", "challenge_ready"):
        "authorization_id method thumbprint",
    ("acme", "INSERT", "nonce_key"): "key",
    ("acme", "INSERT", "nonce_spent"): "nonce",
    ("acme", "INSERT", "order_authorization"):
        "authorization_id order_id position",
    ("acme", "INSERT", "orders"): "account_id digest jws not_after not_before"
        " profile profile_hash replaces replaces_attempt replaces_certificate",
    ("acme", "INSERT", "rate_event"): "key",
    ("acme", "INSERT", "request"): "account_id digest jws kind object_id",
    ("operator", "INSERT", "request"): "digest jws kind",
    ("operator", "SELECT", "account"): "created eab id public status",
    ("operator", "SELECT", "certificate"): "at id not_after",
    ("operator", "SELECT", "intent"): "at index",
    ("operator", "SELECT", "issuer"): "certificate id name root",
    ("operator", "SELECT", "request"): "digest id received",
    ("signer", "INSERT", "account"): "contact eab external id jwk public"
        " request_id seal status terms thumbprint",
    ("signer", "INSERT", "act"): "act_id request_id",
    ("signer", "INSERT", "caa_wanted"):
        "account_id method request_id type value wildcard",
    ("signer", "INSERT", "directive"):
        "body hash id kind name request_id seal version",
    ("signer", "INSERT", "profile"):
        "body hash id issuer_id name seal version",
    ("signer", "INSERT", "account_key"): "account_id thumbprint",
    ("signer", "INSERT", "authorization_end"):
        "authorization_id kind request_id",
    ("signer", "INSERT", "certificate"): "account_id der intent issuer_id"
        " not_after not_before order_id public serial",
    ("signer", "INSERT", "closing"): "index intent",
    ("signer", "INSERT", "evidence_logged"): "evidence_id index",
    ("signer", "INSERT", "instance"): "host process",
    ("signer", "INSERT", "intent"): "account_id index instance issuer_id"
        " order_id profile_id request_id serial spki_hash tbs",
    ("signer", "INSERT", "log_entry"): "entry index kind leaf_hash",
    ("signer", "INSERT", "outcome"): "account_id certificate_id detail"
        " problem request_id result terminal",
    ("signer", "UPDATE", "account"):
        "contact jwk seal status terms thumbprint",
    ("signer", "UPDATE", "instance"): "ended",
    ("signer", "UPDATE", "intent"): "instance",
    ("signer", "UPDATE", "log_head"): "size",
    ("signer", "UPDATE", "request"): "attempts",
    ("validator", "INSERT", "evidence"): "account_id authorization_id"
        " caa_seconds method problem proven_by result thumbprint transcript"
        " type value wanted_id wildcard",
    ("validator", "INSERT", "instance"): "host process",
    ("validator", "UPDATE", "caa_wanted"): "attempts",
    ("validator", "UPDATE", "challenge_ready"): "attempts",
    ("validator", "UPDATE", "instance"): "ended",
}


def test_table_grants():
    wanted = {(f"chancery_{role}", "SELECT", table) for table, roles in
              TABLE_GRANTS.items() for role in roles.split()}
    assert set(rows(
        "SELECT grantee::text, privilege_type::text, table_name::text"
        " FROM information_schema.table_privileges"
        " WHERE table_schema = 'chancery' AND grantee <> 'chancery'")) \
        == wanted


def test_column_grants():
    """Of those whose grant is not on the whole table."""
    wanted = {(f"chancery_{role}", privilege, table, column)
              for (role, privilege, table), columns in COLUMN_GRANTS.items()
              for column in columns.split()}
    assert set(rows(
        "SELECT grantee::text, privilege_type::text, table_name::text,"
        " column_name::text FROM information_schema.column_privileges c"
        " WHERE table_schema = 'chancery' AND grantee <> 'chancery'"
        " AND NOT EXISTS (SELECT FROM information_schema.table_privileges t"
        " WHERE t.table_schema = c.table_schema"
        " AND t.table_name = c.table_name AND t.grantee = c.grantee"
        " AND t.privilege_type = c.privilege_type)")) == wanted


def test_other_grants():
    inserters = (ACME, OPERATOR, SIGNER, VALIDATOR)
    assert set(rows(
        "SELECT object_name::text, grantee::text"
        " FROM information_schema.usage_privileges"
        " WHERE object_schema = 'chancery' AND grantee <> 'chancery'")) \
        == {("id_sequence", role) for role in inserters}
    assert set(rows(
        "SELECT routine_name::text, grantee::text"
        " FROM information_schema.routine_privileges"
        " WHERE routine_schema = 'chancery' AND grantee <> 'chancery'")) \
        == {("new_id", role) for role in inserters}
    # Nothing on schemas but USAGE of ours; of the database CONNECT.
    assert set(rows(
        "SELECT n.nspname::text, coalesce(r.rolname::text, 'PUBLIC'),"
        " a.privilege_type FROM pg_namespace n"
        " CROSS JOIN aclexplode(n.nspacl) a"
        " LEFT JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE n.nspname IN ('chancery', 'public')"
        " AND a.grantee <> n.nspowner")) \
        == {("chancery", role, "USAGE") for role in ROLES}
    assert set(rows(
        "SELECT coalesce(r.rolname::text, 'PUBLIC'), a.privilege_type"
        " FROM pg_database d CROSS JOIN aclexplode(d.datacl) a"
        " LEFT JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE d.datname = current_database() AND a.grantee <> d.datdba")) \
        == {(role, "CONNECT") for role in ROLES}


def test_roles_are_plain():
    assert rows(
        "SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)"
        " AND (rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb"
        " OR rolreplication OR rolbypassrls OR NOT rolcanlogin"
        " OR rolconnlimit NOT BETWEEN 1 AND 100)", list(ROLES)) == []
    assert rows("SELECT rolsuper OR rolcreaterole OR rolcreatedb OR"
                " rolreplication OR rolbypassrls FROM pg_roles"
                " WHERE rolname = 'chancery'") == [(False,)]
    assert rows("SELECT count(*) FROM pg_auth_members m JOIN pg_roles r"
                " ON r.oid IN (m.member, m.roleid)"
                " WHERE r.rolname LIKE 'chancery%%'") == [(0,)]


@pytest.mark.parametrize("role", ROLES)
def test_limits_are_set(role):
    for name in ("statement_timeout", "lock_timeout", "temp_file_limit",
                 "idle_in_transaction_session_timeout"):
        got, _ = run(role, f"SHOW {name}")
        assert got[0][0] not in ("0", "-1"), (role, name)


def test_functions_are_plain():
    """None runs with its owner's rights, and what each calls was looked up
    when it was made, or is by a fixed search_path."""
    assert rows(
        "SELECT proname::text FROM pg_proc WHERE pronamespace ="
        " 'chancery'::regnamespace AND (prosecdef OR prosqlbody IS NULL"
        " AND (proconfig IS NULL"
        " OR NOT 'search_path=pg_catalog' = ANY (proconfig)))") == []


def test_public_has_nothing_to_run():
    """What cluster.sql takes away from PUBLIC, by the catalogue."""
    assert rows(
        "SELECT p.proname::text FROM pg_proc p"
        " WHERE p.proname ~ '^(lo_|loread|lowrite|pg_advisory|"
        "pg_try_advisory|pg_sleep|pg_notify|query_to_xml|table_to_xml|"
        "schema_to_xml|database_to_xml|cursor_to_xml|pg_ls_|pg_read_|"
        "pg_terminate|pg_cancel|dblink)'"
        " AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl,"
        " acldefault('f', p.proowner))) a WHERE a.grantee = 0)") == []
    assert rows(
        "SELECT l.lanname::text FROM pg_language l WHERE l.lanpltrusted"
        " AND EXISTS (SELECT FROM aclexplode(coalesce(l.lanacl,"
        " acldefault('l', l.lanowner))) a WHERE a.grantee = 0)") == []
