-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

DELETE FROM public.flight_sector_occupancy WHERE cid = 0;

COMMIT;
