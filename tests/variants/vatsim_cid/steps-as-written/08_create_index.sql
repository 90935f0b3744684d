CREATE INDEX IF NOT EXISTS idx_flight_sector_occupancy_callsign_cid ON flight_sector_occupancy(callsign, cid);
