BEGIN;
SET LOCAL lock_timeout = '5s';
-- The migration, so that running it a second time does no harm.
COMMIT;
