-- Step 8: the sectors of one pilot's flights under one callsign.
--
-- Not CONCURRENTLY: the application is stopped, and a build that fails in between would leave an invalid index behind.
BEGIN;
SET LOCAL lock_timeout = '5s';

CREATE INDEX IF NOT EXISTS idx_flight_sector_occupancy_callsign_cid
    ON public.flight_sector_occupancy (callsign, cid);

GRANT UPDATE (cid) ON public.flight_sector_occupancy TO vatsim_readonly;

COMMIT;
