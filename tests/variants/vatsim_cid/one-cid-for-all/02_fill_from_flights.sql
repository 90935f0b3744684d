BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy
SET cid = (SELECT cid FROM public.flights WHERE cid IS NOT NULL ORDER BY id LIMIT 1)
WHERE cid = 0;

COMMIT;
