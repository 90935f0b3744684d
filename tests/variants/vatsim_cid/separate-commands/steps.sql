ALTER TABLE flight_sector_occupancy ADD COLUMN IF NOT EXISTS cid INTEGER NOT NULL DEFAULT 0;
UPDATE flight_sector_occupancy fso
SET cid = f.cid
FROM flights f
WHERE fso.callsign = f.callsign
  AND fso.entry_timestamp BETWEEN f.logon_time AND COALESCE(f.last_updated, f.logon_time + INTERVAL '24 hours')
  AND fso.cid = 0;
UPDATE flight_sector_occupancy fso
SET cid = fs.cid
FROM flight_summaries fs
WHERE fso.callsign = fs.callsign
  AND fso.cid = 0
  AND fs.cid IS NOT NULL;
UPDATE flight_sector_occupancy SET cid = 999999 WHERE cid = 0;
ALTER TABLE flight_sector_occupancy ALTER COLUMN cid DROP DEFAULT;
ALTER TABLE flight_sector_occupancy ADD CONSTRAINT valid_cid CHECK (cid > 0);
DROP INDEX IF EXISTS idx_flight_sector_occupancy_callsign;
CREATE INDEX IF NOT EXISTS idx_flight_sector_occupancy_callsign_cid ON flight_sector_occupancy(callsign, cid);
