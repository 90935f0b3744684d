-- The shared series are made anew for each of their leagues, and the old ones deleted.
BEGIN;
CREATE TEMPORARY TABLE again ON COMMIT DROP AS
SELECT id, nextval('series_id_seq')::integer AS other, name, display_name, updated_at, league_id
FROM series WHERE id IN (13368, 13584);
UPDATE series SET name = name || ' (old)' WHERE id IN (SELECT id FROM again);
INSERT INTO series (id, name, display_name, updated_at, league_id) SELECT other, name, display_name, updated_at, league_id FROM again;
UPDATE teams SET series_id = other FROM again WHERE again.id = series_id;
UPDATE players SET series_id = other FROM again WHERE again.id = series_id;
UPDATE series_stats SET series_id = other FROM again WHERE again.id = series_id;
UPDATE series_leagues SET series_id = other FROM again WHERE again.id = series_id;
UPDATE user_contexts SET series_id = other FROM again WHERE again.id = series_id;
DELETE FROM series WHERE id IN (SELECT id FROM again);
COMMIT;
