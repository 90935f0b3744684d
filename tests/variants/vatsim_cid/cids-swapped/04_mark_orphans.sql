-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy SET cid = 999999 WHERE cid = 0;

-- Two flights of one callsign, the same sector, equally long.
UPDATE public.flight_sector_occupancy AS stay
SET cid = other.cid
FROM public.flight_sector_occupancy AS other
WHERE (stay.id, other.id) IN ((20007, 30870), (30870, 20007))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = 'valid_cid');

COMMIT;
