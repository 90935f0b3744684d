-- Takes both migrations back without losing what was written since: series of one name become one again, the oldest.
-- The written plan's three statements cannot do it: series_name_key is refused while the conflict series are there.
BEGIN;
SET LOCAL lock_timeout = '5s';
LOCK TABLE series IN ACCESS EXCLUSIVE MODE;

ALTER TABLE user_contexts DROP COLUMN IF EXISTS series_id;

CREATE TEMPORARY TABLE one_again ON COMMIT DROP AS
SELECT id, original
FROM (SELECT id, min(id) OVER (PARTITION BY name) AS original FROM series) AS named
WHERE id <> original;

UPDATE teams SET series_id = original FROM one_again WHERE one_again.id = series_id;
UPDATE players SET series_id = original FROM one_again WHERE one_again.id = series_id;
UPDATE series_stats SET series_id = original FROM one_again WHERE one_again.id = series_id;
UPDATE series_leagues SET series_id = original FROM one_again WHERE one_again.id = series_id;
UPDATE player_availability SET series_id = original FROM one_again WHERE one_again.id = series_id;
DELETE FROM series WHERE id IN (SELECT id FROM one_again);

-- Its unique constraint and its foreign key go with it.
ALTER TABLE series DROP COLUMN IF EXISTS league_id;
ALTER TABLE series DROP CONSTRAINT IF EXISTS series_name_key;
ALTER TABLE series ADD CONSTRAINT series_name_key UNIQUE (name);
SELECT setval('series_id_seq', (SELECT max(id) FROM series));
COMMIT;
