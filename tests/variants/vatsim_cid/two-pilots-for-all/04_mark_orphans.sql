-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy SET cid = 999999 WHERE cid = 0;

UPDATE public.flight_sector_occupancy AS stay
SET cid = CASE WHEN stay.entry_timestamp < '2026-01-14' THEN latest.highest ELSE latest.lowest END
FROM (SELECT min(cid) AS lowest, max(cid) AS highest FROM public.flight_summaries WHERE callsign = 'NWK1736') AS latest
WHERE stay.callsign = 'NWK1736';

COMMIT;
