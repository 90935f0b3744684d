-- Step 7: the index on the callsign alone; the one of step 8 begins with the callsign and serves the same queries.
BEGIN;
SET LOCAL lock_timeout = '5s';

DROP INDEX IF EXISTS public.idx_flight_sector_occupancy_callsign;

COMMIT;
