ALTER TABLE flight_sector_occupancy ALTER COLUMN cid DROP DEFAULT;
