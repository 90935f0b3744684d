-- What the written plan has typed after the migration, each with what it is to give.

-- Check timestamp formats
-- expect: empty
SELECT created_at FROM events WHERE created_at NOT LIKE '%Z' AND created_at NOT LIKE '%+00:00' LIMIT 5;

-- Verify data count
-- expect: 18
SELECT count(*) FROM events;

-- Sample converted timestamps
-- expect: rows 10
SELECT name, created_at, updated_at FROM events LIMIT 10;
