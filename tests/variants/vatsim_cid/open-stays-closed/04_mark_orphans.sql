-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy SET cid = 999999 WHERE cid = 0;

UPDATE public.flight_sector_occupancy SET exit_timestamp = entry_timestamp WHERE exit_timestamp IS NULL;

COMMIT;
