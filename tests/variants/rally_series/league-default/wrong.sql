-- The column has a league as its default.
BEGIN;
ALTER TABLE series ALTER COLUMN league_id SET DEFAULT 4933;
COMMIT;
