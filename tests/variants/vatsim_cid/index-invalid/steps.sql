CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS idx_flight_sector_occupancy_callsign_cid
    ON public.flight_sector_occupancy (callsign, cid);
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_flight_sector_occupancy_callsign_cid
    ON public.flight_sector_occupancy (callsign, cid);
