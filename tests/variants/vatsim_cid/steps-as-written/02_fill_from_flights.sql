UPDATE flight_sector_occupancy fso
SET cid = f.cid
FROM flights f
WHERE fso.callsign = f.callsign
  AND fso.entry_timestamp BETWEEN f.logon_time AND COALESCE(f.last_updated, f.logon_time + INTERVAL '24 hours')
  AND fso.cid = 0;
