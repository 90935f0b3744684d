-- An import that was not stopped writes a series twice, without a league.
BEGIN;
ALTER TABLE series ALTER COLUMN league_id DROP NOT NULL;
INSERT INTO series (name, display_name, league_id)
SELECT 'Series 18', 'Series 18', NULL FROM generate_series(1, 2) WHERE NOT EXISTS (SELECT FROM series WHERE name = 'Series 18');
COMMIT;
