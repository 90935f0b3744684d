-- The rows of two conflict series are swapped.
BEGIN;
CREATE TEMPORARY TABLE swapped ON COMMIT DROP AS
SELECT one.id, other.id AS other
FROM series AS one JOIN series AS other ON other.league_id = one.league_id AND other.name <> one.name
WHERE one.league_id = 4927 AND one.name IN ('Chicago 13', 'Chicago 18') AND other.name IN ('Chicago 13', 'Chicago 18');

UPDATE teams SET series_id = other FROM swapped WHERE swapped.id = series_id;
UPDATE players SET series_id = other FROM swapped WHERE swapped.id = series_id;
UPDATE series_stats SET series_id = other FROM swapped WHERE swapped.id = series_id;
UPDATE user_contexts SET series_id = other FROM swapped WHERE swapped.id = series_id;
UPDATE player_availability SET series_id = other FROM swapped WHERE swapped.id = series_id;
COMMIT;
