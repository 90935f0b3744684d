-- Step 3: what is left gets the CID of the completed flight that was under way when the sector was entered.
--
-- The callsign alone would give the flights of one pilot to another: the collision that this migration ends.
BEGIN;
SET LOCAL lock_timeout = '5s';

WITH known AS (
    SELECT callsign,
           id AS cid,
           logon_time,
           completion_time,
           lead(logon_time) OVER (PARTITION BY callsign ORDER BY logon_time) AS next_logon
    FROM public.flight_summaries
)
UPDATE public.flight_sector_occupancy AS stay
SET cid = known.cid
FROM known
WHERE stay.cid = 0
  AND known.cid IS NOT NULL
  AND known.callsign = stay.callsign
  AND stay.entry_timestamp BETWEEN known.logon_time AND known.completion_time
  AND (known.next_logon IS NULL OR stay.entry_timestamp < known.next_logon);

COMMIT;
