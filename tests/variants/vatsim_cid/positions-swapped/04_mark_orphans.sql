-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy SET cid = 999999 WHERE cid = 0;

UPDATE public.flight_sector_occupancy AS stay
SET entry_lat = other.entry_lat
FROM public.flight_sector_occupancy AS other
WHERE stay.id IN (1001, 2002) AND other.id = 3003 - stay.id AND stay.entry_lat <> other.entry_lat AND stay.cid <> 0
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = 'valid_cid');

COMMIT;
