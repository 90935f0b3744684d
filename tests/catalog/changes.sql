-- Single changes of the rich schema, each with everything that the diff says of it, one line per difference.
-- "with table:x" means: it goes with that object. A line that ends in … is compared up to there: PostgreSQL's wording
-- or a later version's addition follows. ⏎ is a line break inside a name.

CREATE SCHEMA extra;
--> added schema:extra: owner postgres

DROP SCHEMA "Näme.with ""quotes""" CASCADE;
--> dropped schema:"Näme.with ""quotes""": owner postgres
--> dropped table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line": table, owner postgres
--> dropped column:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"."cö.l ""1""" with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> dropped column:"Näme.with ""quotes"""."Tä.ble ⏎ with a line".✈ with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> dropped constraint:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"."Tä.ble ⏎ with a line_pkey" with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> dropped index:"Näme.with ""quotes"""."Tä.ble ⏎ with a line_pkey" with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"

ALTER SCHEMA app OWNER TO cat_alice;
--> altered schema:app: owner postgres → cat_alice

GRANT USAGE ON SCHEMA app TO cat_bob;
--> altered schema:app: grant USAGE to cat_bob added

COMMENT ON SCHEMA app IS 'the application';
--> altered schema:app: comment "the application" added

CREATE TABLE extra (id serial PRIMARY KEY, at date CHECK (at > '2020-01-01'));
--> added table:extra: table, owner postgres
--> added column:extra.id with table:extra
--> added column:extra.at with table:extra
--> added constraint:extra.extra_at_check with table:extra
--> added constraint:extra.extra_pkey with table:extra
--> added index:extra_pkey with table:extra
--> added sequence:extra_id_seq with column:extra.id

DROP TABLE flights CASCADE;
--> dropped table:flights: table, owner postgres
--> dropped column:flights.id with table:flights
--> dropped column:flights.callsign with table:flights
--> dropped column:flights.departure with table:flights
--> dropped column:flights.seconds with table:flights
--> dropped column:flights.minutes with table:flights
--> dropped column:flights.started_at with table:flights
--> dropped column:flights.number with table:flights
--> dropped column:flights.remark with table:flights
--> dropped constraint:flights.callsign_once with table:flights
--> dropped constraint:flights.departure_known with table:flights
--> dropped constraint:flights.flights_pkey with table:flights
--> dropped constraint:flights.remark_short with table:flights
--> dropped constraint:flights.seconds_positive with table:flights
--> dropped index:app.totals_departure with view:app.totals
--> dropped index:callsign_once with table:flights
--> dropped index:flights_departure with table:flights
--> dropped index:flights_lower with table:flights
--> dropped index:flights_pkey with table:flights
--> dropped sequence:flights_id_seq with column:flights.id
--> dropped sequence:flights_number_seq with column:flights.number
--> dropped view:app.totals: materialized view, owner postgres
--> dropped view:busy: view, owner postgres
--> dropped trigger:flights.stamp_flights with table:flights
--> dropped statistics:flights_stats with table:flights

ALTER TABLE base SET UNLOGGED;
--> altered table:base: permanent → unlogged

ALTER TABLE airports OWNER TO cat_alice;
--> altered table:airports: owner postgres → cat_alice

ALTER TABLE base OWNER TO cat_bob;
--> altered table:base: owner cat_alice → cat_bob

ALTER TABLE airports DISABLE ROW LEVEL SECURITY;
--> altered table:airports: row-level security enabled → disabled

ALTER TABLE airports FORCE ROW LEVEL SECURITY;
--> altered table:airports: row-level security not forced → forced

ALTER TABLE flights SET (fillfactor = 70, toast.autovacuum_enabled = off);
--> altered table:flights: option fillfactor=70 added; option toast.autovacuum_enabled=off added

ALTER TABLE flights REPLICA IDENTITY FULL;
--> altered table:flights: replica identity default → full

ALTER TABLE flights RENAME TO legs;
--> dropped table:flights: table, owner postgres
--> dropped column:flights.id with table:flights
--> dropped column:flights.callsign with table:flights
--> dropped column:flights.departure with table:flights
--> dropped column:flights.seconds with table:flights
--> dropped column:flights.minutes with table:flights
--> dropped column:flights.started_at with table:flights
--> dropped column:flights.number with table:flights
--> dropped column:flights.remark with table:flights
--> dropped constraint:flights.callsign_once with table:flights
--> dropped constraint:flights.departure_known with table:flights
--> dropped constraint:flights.flights_pkey with table:flights
--> dropped constraint:flights.remark_short with table:flights
--> dropped constraint:flights.seconds_positive with table:flights
--> dropped trigger:flights.stamp_flights with table:flights
--> added table:legs: table, owner postgres
--> added column:legs.id with table:legs
--> added column:legs.callsign with table:legs
--> added column:legs.departure with table:legs
--> added column:legs.seconds with table:legs
--> added column:legs.minutes with table:legs
--> added column:legs.started_at with table:legs
--> added column:legs.number with table:legs
--> added column:legs.remark with table:legs
--> added constraint:legs.callsign_once with table:legs
--> added constraint:legs.departure_known with table:legs
--> added constraint:legs.flights_pkey with table:legs
--> added constraint:legs.remark_short with table:legs
--> added constraint:legs.seconds_positive with table:legs
--> altered index:callsign_once: table flights → legs; definition CREATE UNIQUE INDEX callsign_once ON public.flights USING btree (callsign, started_at) → CREATE UNIQUE INDEX callsign_once ON public.legs USING btree (callsign, started_at); constraint flights.callsign_once → legs.callsign_once
--> altered index:flights_departure: table flights → legs; definition CREATE INDEX flights_departure ON public.flights USING btree (departure) → CREATE INDEX flights_departure ON public.legs USING btree (departure)
--> altered index:flights_lower: table flights → legs; definition CREATE INDEX flights_lower ON public.flights USING btree (lower((callsign)::text)) INCLUDE (seconds) WHERE (seconds > 0) → CREATE INDEX flights_lower ON public.legs USING btree (lower((callsign)::text)) INCLUDE (seconds) WHERE (seconds > 0)
--> altered index:flights_pkey: table flights → legs; definition CREATE UNIQUE INDEX flights_pkey ON public.flights USING btree (id) → CREATE UNIQUE INDEX flights_pkey ON public.legs USING btree (id); constraint flights.flights_pkey → legs.flights_pkey
--> altered sequence:flights_id_seq: owned by flights.id → legs.id
--> altered sequence:flights_number_seq: owned by flights.number → legs.number
--> altered view:app.totals: definition …
--> altered view:busy: definition …
--> added trigger:legs.stamp_flights with table:legs
--> altered statistics:flights_stats: definition CREATE STATISTICS public.flights_stats ON callsign, departure FROM public.flights → CREATE STATISTICS public.flights_stats ON callsign, departure FROM public.legs; table flights → legs

ALTER TABLE airports RENAME COLUMN name TO title;
--> dropped column:airports.name: text NOT NULL
--> added column:airports.title: text NOT NULL
--> altered view:names: definition …

COMMENT ON TABLE airports IS NULL;
--> altered table:airports: comment "where flights start and end" dropped

COMMENT ON COLUMN airports.name IS 'in the local language';
--> altered column:airports.name: comment "in English" → "in the local language"

REVOKE SELECT ON airports FROM cat_bob;
--> altered table:airports: grant SELECT to cat_bob dropped

GRANT SELECT, INSERT ON airports TO cat_alice WITH GRANT OPTION;
--> altered table:airports: grant INSERT, SELECT to cat_alice with grant option added

GRANT DELETE ON flights TO PUBLIC;
--> altered table:flights: grant DELETE to public added

REVOKE TRUNCATE ON flights FROM CURRENT_USER;
--> altered table:flights: grant TRUNCATE to postgres dropped

REVOKE UPDATE (remark) ON flights FROM cat_bob;
--> altered column:flights.remark: grant UPDATE to cat_bob dropped

ALTER TABLE app.events DETACH PARTITION app.events_2027;
--> altered table:app.events_2027: partition of app.events dropped; partition bound FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') dropped
--> altered constraint:app.events_2027.events_2027_pkey: parent app.events.events_pkey dropped
--> altered index:app.events_2027_kind_idx: parent app.events_kind dropped
--> altered index:app.events_2027_pkey: parent app.events_pkey dropped

CREATE TABLE app.events_2028 PARTITION OF app.events FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');
--> added table:app.events_2028: table, partition of app.events, owner postgres
--> added column:app.events_2028.id with table:app.events_2028
--> added column:app.events_2028.at with table:app.events_2028
--> added column:app.events_2028.kind with table:app.events_2028
--> added constraint:app.events_2028.events_2028_pkey with table:app.events_2028
--> added index:app.events_2028_kind_idx with table:app.events_2028
--> added index:app.events_2028_pkey with table:app.events_2028

ALTER TABLE derived NO INHERIT base;
--> altered table:derived: parent base dropped

ALTER TABLE base ADD COLUMN d integer CHECK (d > 1);
--> added column:base.d: integer
--> added column:derived.d with column:base.d
--> added constraint:base.base_d_check: CHECK ((d > 1))
--> added constraint:derived.base_d_check with constraint:base.base_d_check

ALTER TABLE app.events ADD COLUMN place text;
--> added column:app.events.place: text
--> added column:app.events_2026.place with column:app.events.place
--> added column:app.events_2027.place with column:app.events.place

ALTER TABLE app.events ALTER COLUMN kind SET NOT NULL;
--> altered column:app.events.kind: nullable → NOT NULL
--> altered column:app.events_2026.kind with column:app.events.kind
--> altered column:app.events_2027.kind with column:app.events.kind

ALTER TABLE airports ADD COLUMN city text NOT NULL DEFAULT 'x' COLLATE "C";
--> added column:airports.city: text collation "C" NOT NULL default 'x'::text

ALTER TABLE flights ADD COLUMN IF NOT EXISTS tail serial;
--> added column:flights.tail: integer NOT NULL default nextval('public.flights_tail_seq'::regclass)
--> added sequence:flights_tail_seq with column:flights.tail

ALTER TABLE flights DROP COLUMN remark;
--> dropped column:flights.remark: text collation "C"
--> dropped constraint:flights.remark_short: CHECK ((length(remark) < 100)) NOT VALID

ALTER TABLE flights ALTER COLUMN callsign TYPE varchar(20);
--> altered column:flights.callsign: type character varying(10) → character varying(20)

ALTER TABLE airports ALTER COLUMN name DROP NOT NULL;
--> altered column:airports.name: NOT NULL → nullable

ALTER TABLE flights ALTER COLUMN seconds SET DEFAULT 1;
--> altered column:flights.seconds: default 0 → 1

ALTER TABLE flights ALTER COLUMN seconds DROP DEFAULT;
--> altered column:flights.seconds: default 0 dropped

ALTER TABLE airports ALTER COLUMN name SET DEFAULT '?';
--> altered column:airports.name: default '?'::text added

ALTER TABLE flights ALTER COLUMN number SET GENERATED ALWAYS;
--> altered column:flights.number: identity by default → always

ALTER TABLE flights ALTER COLUMN number DROP IDENTITY;
--> dropped sequence:flights_number_seq with column:flights.number
--> altered column:flights.number: identity by default dropped

ALTER TABLE airports ALTER COLUMN share DROP DEFAULT, ALTER COLUMN share TYPE integer, ALTER COLUMN share SET NOT NULL;
--> altered column:airports.share: type app.percentage → integer; nullable → NOT NULL

ALTER TABLE flights ALTER COLUMN minutes DROP EXPRESSION;
--> altered column:flights.minutes: default (seconds / 60) dropped; generated stored dropped

ALTER TABLE flights ALTER COLUMN remark TYPE text COLLATE "POSIX";
--> altered column:flights.remark: collation "C" → "POSIX"

ALTER TABLE flights ALTER COLUMN remark SET STORAGE EXTERNAL;
--> altered column:flights.remark: storage external added

ALTER TABLE flights ALTER COLUMN remark SET STATISTICS 500;
--> altered column:flights.remark: statistics 500 added

ALTER TABLE flights ALTER COLUMN remark SET (n_distinct = 5);
--> altered column:flights.remark: option n_distinct=5 added

ALTER TABLE flights ALTER COLUMN remark SET COMPRESSION pglz;
--> altered column:flights.remark: compression pglz added

ALTER TABLE airports DROP COLUMN feeling; ALTER TABLE airports ADD COLUMN feeling mood DEFAULT 'ok';
--> altered table:airports: column order changed: feeling, share → share, feeling

ALTER TABLE flights ADD CONSTRAINT number_small CHECK (number < 9) NOT VALID;
--> added constraint:flights.number_small: CHECK ((number < 9)) NOT VALID

ALTER TABLE flights VALIDATE CONSTRAINT remark_short;
--> altered constraint:flights.remark_short: NOT VALID → validated

ALTER TABLE flights DROP CONSTRAINT departure_known;
--> dropped constraint:flights.departure_known: FOREIGN KEY (departure) REFERENCES public.airports(code)

ALTER TABLE flights DROP CONSTRAINT departure_known, ADD CONSTRAINT departure_known FOREIGN KEY (departure) REFERENCES airports (code) ON DELETE CASCADE;
--> altered constraint:flights.departure_known: definition FOREIGN KEY (departure) REFERENCES public.airports(code) → FOREIGN KEY (departure) REFERENCES public.airports(code) ON DELETE CASCADE

ALTER TABLE flights ALTER CONSTRAINT departure_known DEFERRABLE INITIALLY DEFERRED;
--> altered constraint:flights.departure_known: not deferrable → DEFERRABLE; INITIALLY IMMEDIATE → INITIALLY DEFERRED

ALTER TABLE flights DISABLE TRIGGER ALL;
--> altered constraint:flights.departure_known: enforcing triggers enabled → flights disabled
--> altered trigger:flights.stamp_flights: enabled → disabled

ALTER TABLE flights ADD CONSTRAINT number_once UNIQUE (number);
--> added constraint:flights.number_once: UNIQUE (number)
--> added index:number_once with constraint:flights.number_once

ALTER TABLE flights DROP CONSTRAINT callsign_once;
--> dropped constraint:flights.callsign_once: UNIQUE (callsign, started_at)
--> dropped index:callsign_once with constraint:flights.callsign_once

COMMENT ON CONSTRAINT remark_short ON flights IS 'short';
--> altered constraint:flights.remark_short: comment "short" added

CREATE UNIQUE INDEX flights_number ON flights (number);
--> added index:flights_number: CREATE UNIQUE INDEX flights_number ON public.flights USING btree (number)

DROP INDEX flights_departure;
--> dropped index:flights_departure: CREATE INDEX flights_departure ON public.flights USING btree (departure)

DROP INDEX flights_departure; CREATE INDEX flights_departure ON flights USING hash (departure);
--> altered index:flights_departure: definition CREATE INDEX flights_departure ON public.flights USING btree (departure) → CREATE INDEX flights_departure ON public.flights USING hash (departure)

DROP INDEX flights_departure; CREATE UNIQUE INDEX flights_departure ON flights (departure);
--> altered index:flights_departure: definition CREATE INDEX flights_departure ON public.flights USING btree (departure) → CREATE UNIQUE INDEX flights_departure ON public.flights USING btree (departure); not unique → unique

UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'flights_departure'::regclass;
--> altered index:flights_departure: valid → INVALID

UPDATE pg_index SET indisready = false WHERE indexrelid = 'flights_departure'::regclass;
--> altered index:flights_departure: ready for inserts → not ready for inserts

CLUSTER flights USING flights_departure;
--> altered index:flights_departure: not clustered on → clustered on

ALTER TABLE flights REPLICA IDENTITY USING INDEX callsign_once;
--> altered table:flights: replica identity default → index
--> altered index:callsign_once: not the replica identity → the replica identity

ALTER INDEX flights_departure SET (fillfactor = 50);
--> altered index:flights_departure: definition CREATE INDEX flights_departure ON public.flights USING btree (departure) → CREATE INDEX flights_departure ON public.flights USING btree (departure) WITH (fillfactor='50')

ALTER INDEX flights_lower ALTER COLUMN 1 SET STATISTICS 300;
--> altered index:flights_lower: statistics target of column lower=300 added

ALTER INDEX flights_departure RENAME TO flights_from;
--> dropped index:flights_departure: CREATE INDEX flights_departure ON public.flights USING btree (departure)
--> added index:flights_from: CREATE INDEX flights_from ON public.flights USING btree (departure)

CREATE INDEX events_at ON app.events (at);
--> added index:app.events_2026_at_idx with index:app.events_at
--> added index:app.events_2027_at_idx with index:app.events_at
--> added index:app.events_at: CREATE INDEX events_at ON ONLY app.events USING btree (at)

COMMENT ON INDEX flights_departure IS 'for the timetable';
--> altered index:flights_departure: comment "for the timetable" added

ALTER SEQUENCE flights_id_seq RESTART;
--> altered sequence:flights_id_seq: position 2 → 1 (not used yet)

ALTER SEQUENCE app.tickets INCREMENT 6 CACHE 10 CYCLE;
--> altered sequence:app.tickets: increment 5 → 6; cache 1 → 10; no cycle → cycle

ALTER SEQUENCE unused AS integer;
--> altered sequence:unused: type bigint → integer; maximum 9223372036854775807 → 2147483647

ALTER SEQUENCE flights_id_seq OWNED BY NONE;
--> altered sequence:flights_id_seq: owned by flights.id dropped

GRANT USAGE ON SEQUENCE unused TO cat_bob;
--> altered sequence:unused: grant USAGE to cat_bob added

CREATE SEQUENCE another;
--> added sequence:another: bigint

CREATE OR REPLACE VIEW busy AS SELECT departure, count(*) AS flights FROM flights WHERE seconds > 0 GROUP BY departure;
--> altered view:busy: definition …

CREATE OR REPLACE VIEW names WITH (security_barrier = true) AS SELECT code, name, share FROM airports;
--> altered view:names: definition …

ALTER VIEW names SET (security_barrier = false);
--> altered view:names: option security_barrier true → false

ALTER VIEW names ALTER COLUMN name SET DEFAULT 'x';
--> altered view:names: column name: default 'x'::text added

GRANT SELECT ON names TO cat_bob;
--> altered view:names: grant SELECT to cat_bob added

COMMENT ON COLUMN names.code IS 'ICAO';
--> altered view:names: column code: comment "ICAO" added

DROP VIEW names;
--> dropped view:names: view, owner postgres
--> dropped trigger:names.stamp_names with view:names

REFRESH MATERIALIZED VIEW app.totals WITH NO DATA;
--> altered view:app.totals: populated → not populated

CREATE OR REPLACE FUNCTION app.feel(mood) RETURNS text LANGUAGE sql AS 'SELECT upper($1::text)';
--> altered function:app.feel(mood): body SELECT $1::text → SELECT upper($1::text)

CREATE OR REPLACE FUNCTION minutes_of(seconds integer, digits integer DEFAULT 2) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT round(seconds / 60.0, digits)';
--> altered function:minutes_of(integer, integer): arguments seconds integer, digits integer DEFAULT 1 → seconds integer, digits integer DEFAULT 2

ALTER FUNCTION minutes_of STABLE STRICT SECURITY DEFINER LEAKPROOF PARALLEL SAFE COST 5;
--> altered function:minutes_of(integer, integer): volatility immutable → stable; called on NULL input → strict; security invoker → SECURITY DEFINER; not leakproof → leakproof; parallel unsafe → safe; cost 100.0 → 5.0

ALTER FUNCTION minutes_of SET search_path = app;
--> altered function:minutes_of(integer, integer): setting search_path=app added

ALTER PROCEDURE app.tidy OWNER TO cat_alice;
--> altered function:app.tidy(): owner postgres → cat_alice

REVOKE EXECUTE ON FUNCTION minutes_of FROM PUBLIC;
--> altered function:minutes_of(integer, integer): grant EXECUTE to public dropped

COMMENT ON FUNCTION minutes_of IS 'rounded';
--> altered function:minutes_of(integer, integer): comment "rounded" added

CREATE FUNCTION minutes_of(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
--> added function:minutes_of(text): function returns text

DROP FUNCTION app.feel;
--> dropped function:app.feel(mood): function returns text

DROP AGGREGATE app.total(integer); CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '1');
--> altered aggregate:app.total(integer): body kind n, state function int4pl, state type integer, state size 0, final extra false, final modifies r, moving state size 0, moving final extra false, moving final modifies r, initial 0 → kind n, state function int4pl, state type integer, state size 0, final extra false, final modifies r, moving state size 0, moving final extra false, moving final modifies r, initial 1

ALTER TABLE flights DISABLE TRIGGER stamp_flights;
--> altered trigger:flights.stamp_flights: enabled → disabled

ALTER TABLE flights ENABLE ALWAYS TRIGGER stamp_flights;
--> altered trigger:flights.stamp_flights: enabled → always

ALTER TABLE flights ENABLE REPLICA TRIGGER stamp_flights;
--> altered trigger:flights.stamp_flights: enabled → replica

CREATE OR REPLACE TRIGGER stamp_flights BEFORE INSERT OR UPDATE ON flights FOR EACH ROW EXECUTE FUNCTION stamp();
--> altered trigger:flights.stamp_flights: definition CREATE TRIGGER stamp_flights BEFORE INSERT ON public.flights FOR EACH ROW EXECUTE FUNCTION public.stamp() → CREATE TRIGGER stamp_flights BEFORE INSERT OR UPDATE ON public.flights FOR EACH ROW EXECUTE FUNCTION public.stamp()

DROP TRIGGER stamp_names ON names;
--> dropped trigger:names.stamp_names: CREATE TRIGGER stamp_names INSTEAD OF INSERT ON public.names FOR EACH ROW EXECUTE FUNCTION public.stamp()

CREATE TRIGGER stamp_events BEFORE INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION stamp();
--> added trigger:app.events.stamp_events: CREATE TRIGGER stamp_events BEFORE INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION public.stamp()
--> added trigger:app.events_2026.stamp_events with trigger:app.events.stamp_events
--> added trigger:app.events_2027.stamp_events with trigger:app.events.stamp_events

CREATE CONSTRAINT TRIGGER later AFTER INSERT ON flights DEFERRABLE FOR EACH ROW EXECUTE FUNCTION stamp();
--> added constraint:flights.later with trigger:flights.later
--> added trigger:flights.later: CREATE CONSTRAINT TRIGGER later AFTER INSERT ON public.flights DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION public.stamp()

COMMENT ON TRIGGER stamp_flights ON flights IS 'stamps';
--> altered trigger:flights.stamp_flights: comment "stamps" added

ALTER POLICY readers ON airports TO cat_alice, cat_bob USING (code <> 'YYYY');
--> altered policy:airports.readers: role cat_alice added; USING ((code)::text <> 'ZZZZ'::text) → ((code)::text <> 'YYYY'::text)

CREATE POLICY writers ON airports AS RESTRICTIVE FOR INSERT WITH CHECK (name <> '');
--> added policy:airports.writers: restrictive for INSERT to public with check ((name <> ''::text))

DROP POLICY readers ON airports;
--> dropped policy:airports.readers: permissive for SELECT to cat_bob using (((code)::text <> 'ZZZZ'::text))

DROP POLICY readers ON airports; CREATE POLICY readers ON airports AS RESTRICTIVE FOR UPDATE TO cat_bob USING (code <> 'ZZZZ') WITH CHECK (code <> 'X');
--> altered policy:airports.readers: command SELECT → UPDATE; permissive → restrictive; WITH CHECK ((code)::text <> 'X'::text) added

DROP RULE no_delete ON airports;
--> dropped rule:airports.no_delete: CREATE RULE no_delete AS ⏎     ON DELETE TO public.airports DO INSTEAD NOTHING;

ALTER TABLE airports DISABLE RULE no_delete;
--> altered rule:airports.no_delete: enabled → disabled

ALTER TYPE mood ADD VALUE 'calm' AFTER 'ok';
--> altered type:mood: label 'calm' added after 'ok'

ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
--> altered type:mood: label 'sad' dropped; label 'blue' added as the first

ALTER TYPE app.point3 ADD ATTRIBUTE t integer;
--> altered type:app.point3: attribute t added: integer

ALTER TYPE app.point3 ALTER ATTRIBUTE z TYPE numeric(6,2);
--> altered type:app.point3: attribute z: type numeric(5,2) → numeric(6,2)

ALTER DOMAIN app.percentage ADD CONSTRAINT not_below CHECK (VALUE >= 0) NOT VALID;
--> altered type:app.percentage: constraint not_below added: CHECK ((VALUE >= 0)) NOT VALID

ALTER DOMAIN app.percentage SET NOT NULL;
--> altered type:app.percentage: nullable → NOT NULL

ALTER DOMAIN app.percentage DROP DEFAULT;
--> altered type:app.percentage: default 0 dropped

DROP TYPE app.span; CREATE TYPE app.span AS RANGE (subtype = bigint);
--> altered type:app.span: detail subtype integer → bigint; detail operator class pg_catalog.int4_ops → pg_catalog.int8_ops

GRANT USAGE ON TYPE mood TO cat_bob;
--> altered type:mood: grant USAGE to cat_bob added

ALTER TYPE mood OWNER TO cat_alice;
--> altered type:mood: owner postgres → cat_alice

CREATE TYPE app.light AS ENUM ('red', 'green');
--> added type:app.light: enum 'red', 'green'

DROP EXTENSION pg_trgm;
--> dropped extension:pg_trgm: version …

CREATE EXTENSION btree_gist;
--> added extension:btree_gist: version …

ALTER EXTENSION pg_trgm SET SCHEMA app;
--> altered extension:pg_trgm: schema public → app

UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'pg_trgm';
--> altered extension:pg_trgm: version …

DROP STATISTICS flights_stats;
--> dropped statistics:flights_stats: definition CREATE STATISTICS public.flights_stats ON callsign, departure FROM public.flights

ALTER STATISTICS flights_stats SET STATISTICS 50;
--> altered statistics:flights_stats: target 50 added

ALTER EVENT TRIGGER cat_log_ddl DISABLE;
--> altered event_trigger:cat_log_ddl: state enabled → disabled

ALTER PUBLICATION changes ADD TABLE flights;
--> altered publication:changes: tables public.airports → public.airports, public.flights

ALTER PUBLICATION changes SET (publish = 'insert');
--> altered publication:changes: update true → false; delete true → false; truncate true → false

ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM cat_bob;
--> dropped default_privileges:of postgres in app on tables: schema app, objects tables

ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT INSERT ON TABLES TO cat_bob;
--> altered default_privileges:of postgres in app on tables: grant INSERT to cat_bob added

ALTER SERVER elsewhere OPTIONS (SET host 'b.example');
--> altered foreign_server:elsewhere: options host=a.example, password=(hidden) → host=b.example, password=(hidden)

ALTER USER MAPPING FOR cat_bob SERVER elsewhere OPTIONS (SET user 'robert');
--> altered user_mapping:cat_bob on elsewhere: options password=(hidden), user=bob → password=(hidden), user=robert

ALTER FOREIGN TABLE app.remote OPTIONS (SET table_name 'u');
--> altered table:app.remote: foreign option table_name t → u

ALTER FOREIGN TABLE app.remote ALTER COLUMN id OPTIONS (SET column_name 'id');
--> altered column:app.remote.id: foreign option column_name nr → id

CREATE CAST (app.point3 AS text) WITH INOUT AS ASSIGNMENT;
--> added cast:app.point3 AS text: context assignment, method input and output

DROP OPERATOR === (integer, text);
--> dropped operator:===(integer, text): function public.same(integer,text), hashes false, merges false

CREATE COLLATION app.plain (locale = 'C');
--> added collation:app.plain: provider libc, collate C, ctype C, deterministic true

DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''5MB''', current_database()); END$$;
--> added setting:work_mem: value 5MB

DO $$BEGIN EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database()); END$$;
--> altered database:this: grant CONNECT to public dropped

SELECT lo_create(0);
--> added large_object:all of postgres: count 1

CREATE TABLE "Näme.with ""quotes""".other ("a.b" int);
--> added table:"Näme.with ""quotes""".other: table, owner postgres
--> added column:"Näme.with ""quotes""".other."a.b" with table:"Näme.with ""quotes""".other

DROP TEXT SEARCH CONFIGURATION app.words;
--> dropped text_search:configuration app.words: parser pg_catalog.default, mappings asciihword with simple, asciiword with simple, email with simple, file with simple, float with simple, host with simple, hword with simple, hword_asciipart with simple, hword_numpart with simple, hword_part with simple, int with simple, numhword with simple, numword with simple, sfloat with simple, uint with simple, url with simple, url_path with simple, version with simple, word with simple

COMMENT ON SEQUENCE unused IS 'a';
--> altered sequence:unused: comment "a" added

COMMENT ON VIEW names IS 'a';
--> altered view:names: comment "a" added

COMMENT ON MATERIALIZED VIEW app.totals IS 'a';
--> altered view:app.totals: comment "a" added

COMMENT ON POLICY readers ON airports IS 'a';
--> altered policy:airports.readers: comment "a" added

COMMENT ON RULE no_delete ON airports IS 'a';
--> altered rule:airports.no_delete: comment "a" added

COMMENT ON TYPE mood IS 'a';
--> altered type:mood: comment "a" added

COMMENT ON DOMAIN app.percentage IS 'a';
--> altered type:app.percentage: comment "a" added

COMMENT ON CONSTRAINT not_above ON DOMAIN app.percentage IS 'a';
--> altered type:app.percentage: constraint not_above: comment "a" added

COMMENT ON COLUMN app.point3.x IS 'a';
--> altered type:app.point3: attribute x: comment "a" added

COMMENT ON EXTENSION pg_trgm IS 'a';
--> altered extension:pg_trgm: comment …

COMMENT ON STATISTICS flights_stats IS 'a';
--> altered statistics:flights_stats: comment "a" added

COMMENT ON EVENT TRIGGER cat_log_ddl IS 'a';
--> altered event_trigger:cat_log_ddl: comment "a" added

COMMENT ON PUBLICATION changes IS 'a';
--> altered publication:changes: comment "a" added

COMMENT ON OPERATOR === (integer, text) IS 'a';
--> altered operator:===(integer, text): comment "a" added

COMMENT ON SERVER elsewhere IS 'a';
--> altered foreign_server:elsewhere: comment "a" added

COMMENT ON FOREIGN DATA WRAPPER wrapper IS 'a';
--> altered foreign_data_wrapper:wrapper: comment "a" added

COMMENT ON AGGREGATE app.total(integer) IS 'a';
--> altered aggregate:app.total(integer): comment "a" added

COMMENT ON PROCEDURE app.tidy IS 'a';
--> altered function:app.tidy(): comment "a" added

COMMENT ON FOREIGN TABLE app.remote IS 'a';
--> altered table:app.remote: comment "a" added

COMMENT ON DATABASE catalog_rich IS 'a';
--> altered database:this: comment "a" added

GRANT USAGE ON FOREIGN SERVER elsewhere TO cat_bob;
--> altered foreign_server:elsewhere: grant USAGE to cat_bob added

GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO cat_bob;
--> altered foreign_data_wrapper:wrapper: grant USAGE to cat_bob added

GRANT USAGE ON DOMAIN app.percentage TO cat_bob WITH GRANT OPTION;
--> altered type:app.percentage: grant USAGE to cat_bob with grant option added

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
--> altered schema:public: grant USAGE to public dropped

SET LOCAL ROLE cat_alice; GRANT SELECT ON base TO PUBLIC; RESET ROLE;
--> altered table:base: grant SELECT to public added

GRANT SELECT ON airports TO cat_alice WITH GRANT OPTION; SET LOCAL ROLE cat_alice; GRANT SELECT ON airports TO PUBLIC; RESET ROLE;
--> altered table:airports: grant SELECT to cat_alice with grant option added; grant SELECT to public (granted by cat_alice) added

ALTER VIEW busy OWNER TO cat_alice;
--> altered view:busy: owner postgres → cat_alice

ALTER MATERIALIZED VIEW app.totals SET (autovacuum_enabled = off);
--> altered view:app.totals: option autovacuum_enabled=off added

ALTER SEQUENCE unused OWNER TO cat_alice;
--> altered sequence:unused: owner postgres → cat_alice

ALTER SEQUENCE unused SET SCHEMA app;
--> dropped sequence:unused: bigint
--> added sequence:app.unused: bigint

ALTER TABLE derived SET SCHEMA app;
--> dropped table:derived: table, owner postgres
--> dropped column:derived.a with table:derived
--> dropped column:derived.b with table:derived
--> dropped column:derived.c with table:derived
--> dropped constraint:derived.a_positive with table:derived
--> added table:app.derived: table, owner postgres
--> added column:app.derived.a with table:app.derived
--> added column:app.derived.b with table:app.derived
--> added column:app.derived.c with table:app.derived
--> added constraint:app.derived.a_positive with table:app.derived

ALTER FUNCTION same RENAME TO equal;
--> dropped function:same(integer, text): function returns boolean
--> added function:equal(integer, text): function returns boolean
--> altered operator:===(integer, text): function public.same(integer,text) → public.equal(integer,text)

ALTER TYPE mood RENAME TO feeling;
--> dropped type:mood: enum 'sad', 'ok', 'happy'
--> dropped function:app.feel(mood): function returns text
--> added type:feeling: enum 'sad', 'ok', 'happy'
--> altered column:airports.feeling: type public.mood → public.feeling; default 'ok'::public.mood → 'ok'::public.feeling
--> added function:app.feel(feeling): function returns text

ALTER SCHEMA "Näme.with ""quotes""" RENAME TO plain;
--> dropped schema:"Näme.with ""quotes""": owner postgres
--> dropped table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line": table, owner postgres
--> dropped column:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"."cö.l ""1""" with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> dropped column:"Näme.with ""quotes"""."Tä.ble ⏎ with a line".✈ with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> dropped constraint:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"."Tä.ble ⏎ with a line_pkey" with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> dropped index:"Näme.with ""quotes"""."Tä.ble ⏎ with a line_pkey" with table:"Näme.with ""quotes"""."Tä.ble ⏎ with a line"
--> added schema:plain: owner postgres
--> added table:plain."Tä.ble ⏎ with a line": table, owner postgres
--> added column:plain."Tä.ble ⏎ with a line"."cö.l ""1""" with table:plain."Tä.ble ⏎ with a line"
--> added column:plain."Tä.ble ⏎ with a line".✈ with table:plain."Tä.ble ⏎ with a line"
--> added constraint:plain."Tä.ble ⏎ with a line"."Tä.ble ⏎ with a line_pkey" with table:plain."Tä.ble ⏎ with a line"
--> added index:plain."Tä.ble ⏎ with a line_pkey" with table:plain."Tä.ble ⏎ with a line"

ALTER TABLE flights RENAME CONSTRAINT seconds_positive TO positive;
--> dropped constraint:flights.seconds_positive: CHECK ((seconds >= 0))
--> added constraint:flights.positive: CHECK ((seconds >= 0))

ALTER TRIGGER stamp_names ON names RENAME TO stamp;
--> dropped trigger:names.stamp_names: CREATE TRIGGER stamp_names INSTEAD OF INSERT ON public.names FOR EACH ROW EXECUTE FUNCTION public.stamp()
--> added trigger:names.stamp: CREATE TRIGGER stamp INSTEAD OF INSERT ON public.names FOR EACH ROW EXECUTE FUNCTION public.stamp()

ALTER POLICY readers ON airports RENAME TO all_readers;
--> dropped policy:airports.readers: permissive for SELECT to cat_bob using (((code)::text <> 'ZZZZ'::text))
--> added policy:airports.all_readers: permissive for SELECT to cat_bob using (((code)::text <> 'ZZZZ'::text))

ALTER TABLE airports DISABLE TRIGGER ALL;
--> altered constraint:flights.departure_known: enforcing triggers enabled → airports disabled

ALTER TABLE flights ADD CONSTRAINT apart EXCLUDE USING gist (int8range(id, id, '[]') WITH &&);
--> added constraint:flights.apart: EXCLUDE USING gist (int8range(id, id, '[]'::text) WITH &&)
--> added index:apart with constraint:flights.apart

ALTER TABLE flights DROP CONSTRAINT flights_pkey;
--> dropped constraint:flights.flights_pkey: PRIMARY KEY (id)
--> dropped index:flights_pkey with constraint:flights.flights_pkey

ALTER TABLE base ADD PRIMARY KEY (b);
--> altered column:base.b: nullable → NOT NULL
--> altered column:derived.b with column:base.b
--> added constraint:base.base_pkey: PRIMARY KEY (b)
--> added index:base_pkey with constraint:base.base_pkey

ALTER TABLE base ALTER COLUMN b SET NOT NULL;
--> altered column:base.b: nullable → NOT NULL
--> altered column:derived.b with column:base.b

CREATE TABLE point OF app.point3;
--> added table:point: table, owner postgres
--> added column:point.x with table:point
--> added column:point.y with table:point
--> added column:point.z with table:point

ALTER ROLE cat_bob IN DATABASE catalog_rich SET work_mem = '6MB';
--> added setting:work_mem for cat_bob: value 6MB

CREATE OPERATOR CLASS point3_hash FOR TYPE app.point3 USING hash AS OPERATOR 1 = (record, record), FUNCTION 1 hash_record(record);
--> added operator_class:point3_hash using hash: type app.point3, family public.point3_hash, default false
--> added operator_family:point3_hash using hash: operators 1 =(record,record) s, functions 1 record record hash_record(record)

CREATE OPERATOR FAMILY app.family USING btree;
--> added operator_family:app.family using btree

CREATE ACCESS METHOD other_btree TYPE INDEX HANDLER bthandler;
--> added access_method:other_btree: type index, handler bthandler(internal)

CREATE CONVERSION app.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
--> added conversion:app.latin: from LATIN1, to UTF8, function iso8859_1_to_utf8(integer,integer,cstring,internal,integer,boolean), default false

CREATE TRANSFORM FOR integer LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal));
--> added transform:for integer language sql: from SQL prsd_lextype(internal)

CREATE TRUSTED LANGUAGE plother HANDLER plpgsql_call_handler;
--> added language:plother: trusted true, handler plpgsql_call_handler()

CREATE TEXT SEARCH DICTIONARY app.dictionary (TEMPLATE = pg_catalog.simple);
--> added text_search:dictionary app.dictionary: template pg_catalog.simple

ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR word WITH english_stem;
--> altered text_search:configuration app.words: mappings changed

DROP TEXT SEARCH CONFIGURATION app.words;
--> dropped text_search:configuration app.words: parser pg_catalog.default, mappings asciihword with simple, asciiword with simple, email with simple, file with simple, float with simple, host with simple, hword with simple, hword_asciipart with simple, hword_numpart with simple, hword_part with simple, int with simple, numhword with simple, numword with simple, sfloat with simple, uint with simple, url with simple, url_path with simple, version with simple, word with simple

CREATE SUBSCRIPTION others CONNECTION 'dbname=x password=hidden' PUBLICATION p WITH (connect = false);
--> added subscription:others: enabled false, publications p, slot others

ALTER TABLE app.events_2026 ALTER COLUMN kind SET DEFAULT 'x';
--> altered column:app.events_2026.kind: default 'x'::text added

ALTER TABLE app.events ALTER COLUMN kind TYPE varchar(10);
--> altered column:app.events.kind: type text → character varying(10)
--> altered column:app.events_2026.kind with column:app.events.kind
--> altered column:app.events_2027.kind with column:app.events.kind

DROP TABLE app.events;
--> dropped table:app.events: partitioned table, owner postgres
--> dropped table:app.events_2026: table, partition of app.events, owner postgres
--> dropped table:app.events_2027: table, partition of app.events, owner postgres
--> dropped column:app.events.id with table:app.events
--> dropped column:app.events.at with table:app.events
--> dropped column:app.events.kind with table:app.events
--> dropped column:app.events_2026.id with table:app.events_2026
--> dropped column:app.events_2026.at with table:app.events_2026
--> dropped column:app.events_2026.kind with table:app.events_2026
--> dropped column:app.events_2027.id with table:app.events_2027
--> dropped column:app.events_2027.at with table:app.events_2027
--> dropped column:app.events_2027.kind with table:app.events_2027
--> dropped constraint:app.events.events_pkey with table:app.events
--> dropped constraint:app.events_2026.events_2026_pkey with table:app.events_2026
--> dropped constraint:app.events_2027.events_2027_pkey with table:app.events_2027
--> dropped index:app.events_2026_kind_idx with table:app.events_2026
--> dropped index:app.events_2026_pkey with table:app.events_2026
--> dropped index:app.events_2027_kind_idx with table:app.events_2027
--> dropped index:app.events_2027_pkey with table:app.events_2027
--> dropped index:app.events_kind with table:app.events
--> dropped index:app.events_pkey with table:app.events

ALTER TABLE ONLY app.events ALTER COLUMN kind SET STATISTICS 7;
--> altered column:app.events.kind: statistics 7 added

CREATE SEQUENCE numbers AS smallint OWNED BY airports.code;
--> added sequence:numbers: smallint, owned by airports.code

CREATE DOMAIN plain AS text;
--> added type:plain: domain over text

CREATE DOMAIN app.short AS text COLLATE "C" CHECK (length(VALUE) < 3);
--> added type:app.short: domain over text collation "C" CHECK ((length(VALUE) < 3))

ALTER DOMAIN app.percentage DROP CONSTRAINT not_above;
--> altered type:app.percentage: constraint not_above dropped

CREATE TYPE shell;
--> added type:shell: shell

CREATE EVENT TRIGGER cat_log_drop ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION log_ddl();
--> added event_trigger:cat_log_drop: event sql_drop, function public.log_ddl(), state enabled, tags DROP TABLE

DROP PUBLICATION changes;
--> dropped publication:changes: all tables false, insert true, update true, delete true, truncate true, via root false, tables public.airports…

DROP USER MAPPING FOR cat_bob SERVER elsewhere;
--> dropped user_mapping:cat_bob on elsewhere: options password=(hidden), user=bob

GRANT EXECUTE ON FUNCTION minutes_of TO cat_bob;
--> altered function:minutes_of(integer, integer): grant EXECUTE to cat_bob added

CREATE RULE log AS ON INSERT TO base DO ALSO NOTHING;
--> added rule:base.log: CREATE RULE log AS ⏎     ON INSERT TO public.base DO NOTHING;

CREATE TABLE "Upper.Case" ("a""b" integer);
--> added table:"Upper.Case": table, owner postgres
--> added column:"Upper.Case"."a""b" with table:"Upper.Case"

ALTER TABLE base ADD CONSTRAINT known_table CHECK (tableoid > 0) NO INHERIT;
--> added constraint:base.known_table: CHECK ((tableoid > (0)::oid)) NO INHERIT
