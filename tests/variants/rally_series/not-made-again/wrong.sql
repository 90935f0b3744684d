-- An index, a foreign key and a grant that went for the move are not made again.
BEGIN;
DROP INDEX IF EXISTS idx_series_stats_series_league;
ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_series_id_fkey;
REVOKE ALL ON user_contexts FROM rally_readonly;
COMMIT;
