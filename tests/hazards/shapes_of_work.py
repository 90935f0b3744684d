"""Shapes of work on whole tables, and of locks that are waited for or kept."""

from __future__ import annotations

from tests.hazards.shapes import FLIGHTS, LEGS, PARTITIONS, Shape

LOOSE = """
CREATE TABLE flights_3 (id int NOT NULL, day int NOT NULL, callsign text);
INSERT INTO flights_3 SELECT g, 200, 'F' FROM generate_series(1, 1000) AS g;
"""
DEFAULT = f"{PARTITIONS} CREATE TABLE rest PARTITION OF flights DEFAULT; INSERT INTO flights VALUES (1, 1000, 'x');"
DOMAIN = "CREATE DOMAIN pos AS int; CREATE TABLE flights (a pos, b text); INSERT INTO flights VALUES (1, 'x');"
TWO = "CREATE SCHEMA ~2; CREATE TABLE ~2.flights (a int); INSERT INTO ~2.flights VALUES (1);"
ODD = """CREATE TABLE "A ""b"".c" (x int); INSERT INTO "A ""b"".c" VALUES (1);"""
_ODD_NAME = '~."A ""b"".c"'
_ATTACH = "ALTER TABLE flights ATTACH PARTITION flights_3 FOR VALUES FROM (200) TO (300);"
_CHECK = "ALTER TABLE flights_3 ADD CHECK (day >= 200 AND day < 300);"
_REWRITES, _SCANS = ("table-rewrite ~.flights",), ("scan-under-exclusive ~.flights",)
_BUILDS, _COMPARES = ("blocking-index-build ~.flights",), ("fk-validation-blocking ~.legs",)
_SERVED = f"{LEGS} CREATE INDEX ON legs (flight);"

WORK = {
    "moved": Shape(
        FLIGHTS,
        "SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION '';"
        "ALTER TABLE flights SET TABLESPACE elsewhere; ALTER TABLE flights SET TABLESPACE pg_default; DROP TABLESPACE elsewhere;",
        _REWRITES,
    ),
    "clustered_in_a_block": Shape(FLIGHTS, "DO $$ BEGIN EXECUTE 'CLUSTER flights USING flights_pkey'; END $$;", _REWRITES),
    "clustered_by_habit": Shape(f"{FLIGHTS} ALTER TABLE flights CLUSTER ON flights_pkey;", "CLUSTER;", _REWRITES),
    "refreshed": Shape(
        "CREATE MATERIALIZED VIEW flights AS SELECT 1 AS id; CREATE INDEX ON flights (id);",
        "REFRESH MATERIALIZED VIEW flights;", _REWRITES,
    ),
    "refreshed_concurrently": Shape(
        "CREATE MATERIALIZED VIEW flights AS SELECT 1 AS id; CREATE UNIQUE INDEX ON flights (id);",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY flights;",
    ),
    "refreshed_to_nothing": Shape(
        "CREATE MATERIALIZED VIEW flights AS SELECT 1 AS id;", "REFRESH MATERIALIZED VIEW flights WITH NO DATA;"
    ),
    "truncated_and_filled": Shape(FLIGHTS, "BEGIN; TRUNCATE flights; INSERT INTO flights VALUES (1); COMMIT;"),
    "truncated_in_a_block": Shape(FLIGHTS, "DO $$ BEGIN TRUNCATE flights; PERFORM pg_sleep(0.05); END $$;"),
    "empty_with_a_text": Shape(
        "CREATE TABLE flights (id int, a text);",
        "ALTER TABLE flights ALTER a SET NOT NULL; CREATE INDEX ON flights (a); ALTER TABLE flights ALTER id TYPE bigint;",
    ),
    "domain_with_a_new_check": Shape(DOMAIN, "ALTER DOMAIN pos ADD CHECK (VALUE > 0);", _SCANS),
    "domain_not_null": Shape(DOMAIN, "ALTER DOMAIN pos SET NOT NULL;", _SCANS),
    "domain_with_a_check_to_come": Shape(DOMAIN, "ALTER DOMAIN pos ADD CHECK (VALUE > 0) NOT VALID; ALTER DOMAIN pos SET DEFAULT 1;"),
    "attached": Shape(f"{PARTITIONS} {LOOSE}", _ATTACH, ("scan-under-exclusive ~.flights_3",)),
    "attached_as_checked": Shape(f"{PARTITIONS} {LOOSE} {_CHECK}", _ATTACH),
    "attached_beside_a_default": Shape(f"{DEFAULT} {LOOSE} {_CHECK}", _ATTACH, ("scan-under-exclusive ~.rest",)),
    "attached_without_its_index": Shape(
        f"{PARTITIONS} CREATE INDEX ON flights (id); {LOOSE} {_CHECK}", _ATTACH, ("blocking-index-build ~.flights_3",)
    ),
    "made_beside_a_default": Shape(
        DEFAULT, "CREATE TABLE flights_3 PARTITION OF flights FOR VALUES FROM (200) TO (300);", ("scan-under-exclusive ~.rest",)
    ),
    "made_beside_a_checked_default": Shape(
        f"{DEFAULT} ALTER TABLE rest ADD CHECK (day >= 300);",
        "CREATE TABLE flights_3 PARTITION OF flights FOR VALUES FROM (200) TO (300);",
    ),
    "odd_names": Shape(
        ODD, 'ALTER TABLE "A ""b"".c" ADD CHECK (x > 0); CREATE INDEX ON "A ""b"".c" (x);',
        (f"scan-under-exclusive {_ODD_NAME}", f"blocking-index-build {_ODD_NAME}"),
    ),
    "same_name_elsewhere": Shape(
        f"{FLIGHTS} {TWO}",
        "BEGIN; ALTER TABLE ~2.flights ADD COLUMN n int; ALTER TABLE flights ADD CHECK (id > 0); CREATE INDEX ON flights (id); COMMIT;",
        (*_SCANS, *_BUILDS),
    ),
    "other_name_by_then": Shape(
        FLIGHTS,
        "BEGIN; ALTER TABLE flights RENAME TO old; ALTER TABLE old ADD CHECK (id > 0); CREATE INDEX ON old (id); COMMIT;",
        (*_SCANS, *_BUILDS),
    ),
    "name_of_another_by_then": Shape(
        FLIGHTS,
        "BEGIN; CREATE TABLE n AS SELECT * FROM flights; DROP TABLE flights; ALTER TABLE n RENAME TO flights;"
        "ALTER TABLE flights ADD CHECK (id > 0); CREATE INDEX ON flights (id); COMMIT; ANALYZE flights;",
    ),
    "key_renamed_later": Shape(
        _SERVED,
        "ALTER TABLE legs ADD CONSTRAINT k FOREIGN KEY (flight) REFERENCES flights; ALTER TABLE legs RENAME CONSTRAINT k TO l;",
        _COMPARES,
    ),
    "key_dropped_later": Shape(
        _SERVED,
        "ALTER TABLE legs ADD CONSTRAINT k FOREIGN KEY (flight) REFERENCES flights; ALTER TABLE legs DROP CONSTRAINT k;",
        _COMPARES,
    ),
    "rebuilt_in_a_block": Shape(FLIGHTS, "DO $$ BEGIN REINDEX TABLE flights; PERFORM pg_sleep(0.1); END $$;", _BUILDS),
    "rebuilt_by_schema": Shape(FLIGHTS, "REINDEX SCHEMA ~;", _BUILDS),
    "rebuilt_concurrently": Shape(FLIGHTS, "RESET lock_timeout; REINDEX SCHEMA CONCURRENTLY ~;"),
    "built_in_vain": Shape(
        FLIGHTS.replace("flights", "lone"),
        "DO $$ BEGIN CREATE UNIQUE INDEX ON lone ((id % 2)); EXCEPTION WHEN unique_violation THEN NULL; END $$;",
        ("blocking-index-build ~.lone",),
    ),
    "rewritten_in_vain": Shape(
        FLIGHTS,
        "DO $$ BEGIN ALTER TABLE flights ALTER callsign TYPE int USING callsign::int; EXCEPTION WHEN OTHERS THEN NULL; END $$;",
        _REWRITES,
    ),
    "there_already": Shape(
        f"{FLIGHTS} CREATE INDEX i ON flights (id);",
        "DO $$ BEGIN CREATE INDEX i ON flights (id); EXCEPTION WHEN duplicate_table THEN NULL; END $$;",
    ),
    "index_of_a_new_collation": Shape(
        f"{FLIGHTS} CREATE INDEX ON flights (callsign);",
        'ALTER TABLE flights ALTER callsign TYPE text COLLATE "C"; ANALYZE flights;', _BUILDS,
    ),
}  # fmt: skip
_WAITS, _STAYS = ("no-lock-timeout ~.flights",), ("work-after-exclusive ~.flights",)
_ADD = "ALTER TABLE flights ADD COLUMN n int;"
_LONG = "SELECT pg_sleep(0.6);"
WAITING = {
    "limit_outside_of_a_transaction": Shape(FLIGHTS, f"RESET lock_timeout; SET LOCAL lock_timeout = '1s'; {_ADD}", _WAITS),
    "limit_rolled_back": Shape(FLIGHTS, f"RESET lock_timeout; BEGIN; SET lock_timeout = '1s'; ROLLBACK; {_ADD}", _WAITS),
    "limit_of_the_function": Shape(
        f"{FLIGHTS} CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS 'BEGIN {_ADD} END';",
        "RESET lock_timeout; SELECT f();",
    ),
    "no_wait": Shape(FLIGHTS, f"RESET lock_timeout; BEGIN; LOCK TABLE flights NOWAIT; {_ADD} COMMIT;"),
    "truncated_ahead_of_ddl": Shape(
        FLIGHTS.replace("flights", "t_ahead"),
        "RESET lock_timeout; TRUNCATE t_ahead; CREATE TABLE n (id int);",
        ("no-lock-timeout ~.t_ahead",),
    ),
    "truncated_behind_ddl": Shape(
        FLIGHTS.replace("flights", "t_behind"),
        "RESET lock_timeout; CREATE TABLE n (id int); TRUNCATE t_behind;",
        ("no-lock-timeout ~.t_behind",),
    ),
    "truncated_with_a_limit_to_come": Shape(
        FLIGHTS.replace("flights", "t_early"),
        "RESET lock_timeout; TRUNCATE t_early; SET lock_timeout = '1s'; CREATE TABLE n (id int);",
    ),
    "truncated_within_the_limit": Shape(
        FLIGHTS.replace("flights", "t_limit"), "CREATE TABLE n (id int); TRUNCATE t_limit; CREATE TABLE o (id int);"
    ),
    "truncated_without_a_wait": Shape(
        FLIGHTS.replace("flights", "t_now"),
        "RESET lock_timeout; BEGIN; LOCK TABLE t_now NOWAIT; TRUNCATE t_now; CREATE TABLE n (id int); COMMIT;",
    ),
    "locked_ahead_of_ddl": Shape(
        FLIGHTS.replace("flights", "t_locked"),
        "RESET lock_timeout; BEGIN; LOCK TABLE t_locked IN SHARE MODE; CREATE TABLE n (id int); COMMIT;",
        ("no-lock-timeout ~.t_locked",),
    ),
    "partition_of_it": Shape(
        PARTITIONS, "RESET lock_timeout; CREATE TABLE flights_3 PARTITION OF flights FOR VALUES FROM (200) TO (300);", _WAITS
    ),
    "work_behind_a_new_partition": Shape(
        PARTITIONS, f"BEGIN; CREATE TABLE flights_3 PARTITION OF flights FOR VALUES FROM (200) TO (300); {_LONG} COMMIT;", _STAYS
    ),
    "work_behind_a_function": Shape(
        f"{FLIGHTS} CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN LOCK TABLE flights; END';",
        f"BEGIN; SELECT f(); {_LONG} COMMIT;", _STAYS,
    ),
    "work_behind_a_savepoint": Shape(
        FLIGHTS, f'BEGIN; SAVEPOINT "S 1"; {_ADD} ROLLBACK TO SAVEPOINT "S 1"; {_LONG} COMMIT;'
    ),
    "work_behind_a_savepoint_that_stays": Shape(
        FLIGHTS, f"BEGIN; {_ADD} SAVEPOINT a; CREATE TABLE n (id int); ROLLBACK TO a; {_LONG} COMMIT;", _STAYS
    ),
    "word_in_a_comment": Shape(
        FLIGHTS, "SET statement_timeout = '1min'; CREATE INDEX /* not CONCURRENTLY */ ON flights (id);", _BUILDS
    ),
}  # fmt: skip
