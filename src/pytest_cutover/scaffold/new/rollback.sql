BEGIN;
SET LOCAL lock_timeout = '5s';
-- The way back.
COMMIT;
