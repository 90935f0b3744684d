-- The statistics of the conflict series are deleted.
BEGIN;
DELETE FROM series_stats
USING series
WHERE series.id = series_stats.series_id AND series.name IN ('Chicago 13', 'Chicago 18') AND series.league_id = 4927;
COMMIT;
