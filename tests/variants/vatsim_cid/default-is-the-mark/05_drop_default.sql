-- Step 5: from now on whoever inserts must say which pilot it was.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE public.flight_sector_occupancy ALTER COLUMN cid SET DEFAULT 999999;

COMMIT;
