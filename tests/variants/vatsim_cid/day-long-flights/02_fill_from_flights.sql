BEGIN;
SET LOCAL lock_timeout = '5s';

WITH known AS (
    SELECT callsign, logon_time, max(cid) AS cid, max(COALESCE(last_updated, logon_time + INTERVAL '24 hours')) AS ends
    FROM public.flights
    WHERE cid IS NOT NULL
    GROUP BY callsign, logon_time
)
UPDATE public.flight_sector_occupancy AS stay
SET cid = (
    SELECT known.cid
    FROM known
    WHERE known.callsign = stay.callsign AND stay.entry_timestamp BETWEEN known.logon_time AND known.ends
    ORDER BY known.logon_time
    LIMIT 1
)
WHERE stay.cid = 0
  AND EXISTS (
    SELECT FROM known
    WHERE known.callsign = stay.callsign AND stay.entry_timestamp BETWEEN known.logon_time AND known.ends
  );

COMMIT;
