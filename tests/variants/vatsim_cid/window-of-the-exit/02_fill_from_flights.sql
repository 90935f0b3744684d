-- Step 2: the CID of the flight in `flights` that was under way when the sector was entered.
--
-- `flights` holds one row per position report, so a flight is what shares callsign and logon_time. Reports without a CID
-- are named by the others of their flight; a flight that no report names is left to step 3, and so is one that no report
-- dates, for which any length would be a guess that can reach into the next pilot's flight.
BEGIN;
SET LOCAL lock_timeout = '5s';

WITH known AS (
    SELECT callsign,
           logon_time,
           min(cid) AS cid,
           min(cid) = max(cid) AS named,
           max(last_updated) AS last_report,
           lead(logon_time) OVER (PARTITION BY callsign ORDER BY logon_time) AS next_logon
    FROM public.flights
    GROUP BY callsign, logon_time
)
UPDATE public.flight_sector_occupancy AS stay
SET cid = known.cid
FROM known
WHERE stay.cid = 0
  AND known.named
  AND known.callsign = stay.callsign
  AND stay.exit_timestamp BETWEEN known.logon_time AND known.last_report
  -- At the moment of a handover both windows hold the row: it is the next pilot's.
  AND (known.next_logon IS NULL OR stay.exit_timestamp < known.next_logon);

COMMIT;
