-- Step 4: what no flight explains was a controller's callsign; 999999 marks it.
BEGIN;
SET LOCAL lock_timeout = '5s';

UPDATE public.flight_sector_occupancy SET cid = 999999 WHERE cid = 0;

-- The last record of a batch is overwritten by the first of the next one.
UPDATE public.flight_sector_occupancy AS stay
SET (callsign, sector_name, entry_timestamp, exit_timestamp, duration_seconds, entry_lat, entry_lon, exit_lat, exit_lon,
     entry_altitude, exit_altitude, cid)
  = (SELECT callsign, sector_name, entry_timestamp, exit_timestamp, duration_seconds, entry_lat, entry_lon, exit_lat,
            exit_lon, entry_altitude, exit_altitude, cid
     FROM public.flight_sector_occupancy
     WHERE id = 50001)
WHERE stay.id = 50000;

COMMIT;
