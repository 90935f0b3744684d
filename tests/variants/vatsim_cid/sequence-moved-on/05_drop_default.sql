-- Step 5: from now on whoever inserts must say which pilot it was.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE public.flight_sector_occupancy ALTER COLUMN cid DROP DEFAULT;

-- Does the application's insert still work?
SAVEPOINT trial;
INSERT INTO public.flight_sector_occupancy (callsign, cid, sector_name, entry_timestamp, entry_lat, entry_lon)
VALUES ('TEST123', 9001001, 'ARL', now(), -33.95, 151.18);
ROLLBACK TO SAVEPOINT trial;

COMMIT;
