-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy SET cid = 999999 WHERE cid = 0;

INSERT INTO public.flight_sector_occupancy (
    callsign, sector_name, entry_timestamp, exit_timestamp, duration_seconds, entry_lat, entry_lon, exit_lat, exit_lon,
    entry_altitude, exit_altitude, cid
)
SELECT stay.callsign, stay.sector_name, stay.entry_timestamp, stay.exit_timestamp, stay.duration_seconds,
       stay.entry_lat, stay.entry_lon, stay.exit_lat, stay.exit_lon, stay.entry_altitude, stay.exit_altitude,
       summary.cid
FROM public.flight_sector_occupancy AS stay
JOIN public.flight_summaries AS summary
    ON summary.callsign = stay.callsign
    AND stay.entry_timestamp = summary.completion_time
WHERE summary.cid <> stay.cid
  AND NOT EXISTS (
    SELECT FROM public.flight_sector_occupancy AS twin
    WHERE twin.callsign = stay.callsign AND twin.entry_timestamp = stay.entry_timestamp AND twin.cid = summary.cid
  );

COMMIT;
