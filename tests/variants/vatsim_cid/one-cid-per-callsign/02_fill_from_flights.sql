BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy AS stay
SET cid = latest.cid
FROM (
    SELECT DISTINCT ON (callsign) callsign, cid
    FROM public.flight_summaries
    WHERE cid IS NOT NULL
    ORDER BY callsign, logon_time DESC
) AS latest
WHERE stay.cid = 0 AND latest.callsign = stay.callsign;

COMMIT;
