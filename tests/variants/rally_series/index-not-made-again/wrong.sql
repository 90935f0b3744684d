-- An index dropped for the move is not made again.
BEGIN;
DROP INDEX IF EXISTS idx_series_stats_series_league;
COMMIT;
