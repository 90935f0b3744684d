-- A foreign key dropped for the move is not made again.
BEGIN;
ALTER TABLE teams DROP CONSTRAINT IF EXISTS teams_series_id_fkey;
COMMIT;
