-- What an attempt left that was stopped after its fill by callsign.
ALTER TABLE public.flight_sector_occupancy ADD COLUMN cid integer NOT NULL DEFAULT 0;
UPDATE public.flight_sector_occupancy AS stay
SET cid = latest.cid
FROM (
    SELECT DISTINCT ON (callsign) callsign, cid
    FROM public.flight_summaries
    WHERE cid IS NOT NULL
    ORDER BY callsign, logon_time DESC
) AS latest
WHERE latest.callsign = stay.callsign AND stay.id % 2 = 0;
