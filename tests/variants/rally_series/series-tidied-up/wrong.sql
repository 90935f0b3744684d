-- Some series get a tidier name on the way.
BEGIN;
UPDATE series SET name = replace(name, ' SW', 'SW') WHERE name LIKE '% SW';
COMMIT;
