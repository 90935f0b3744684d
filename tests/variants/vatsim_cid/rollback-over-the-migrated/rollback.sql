BEGIN;
SET LOCAL lock_timeout = '5s';

CREATE INDEX IF NOT EXISTS idx_flight_sector_occupancy_callsign ON public.flight_sector_occupancy (callsign);

COMMIT;
