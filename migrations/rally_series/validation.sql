-- The checks of the written plan, as the team types them after the migration. They are necessary and not sufficient:
-- most of the wrong migrations in tests/variants/rally_series pass them all.

-- Step 3: every series has its league.
-- expect: 0
SELECT count(*) - count(league_id) FROM series;

-- Step 3: every context has its series.
-- expect: 0
SELECT count(*) - count(series_id) FROM user_contexts;

-- Step 3: primary key, unique constraint, foreign key.
-- expect: rows 3
SELECT conname, contype FROM pg_catalog.pg_constraint WHERE conrelid = 'series'::regclass AND contype <> 'n';

-- Step 3: primary key, and foreign keys to the user, the league, the team and the series.
-- expect: rows 5
SELECT conname, contype FROM pg_catalog.pg_constraint WHERE conrelid = 'user_contexts'::regclass AND contype <> 'n';

-- Step 3: verify no data corruption.
-- expect: empty
SELECT s.name, l.league_name, count(*)
FROM series AS s
JOIN leagues AS l ON s.league_id = l.id
GROUP BY s.name, l.league_name
HAVING count(*) > 1;

-- Step 4: both series of the reported case show data, each of one league.
-- expect: rows 2
SELECT series_id, league_id, count(*) AS team_count
FROM series_stats
WHERE series_id IN (13584, 13368)
GROUP BY series_id, league_id;
