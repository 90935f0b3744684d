UPDATE flight_sector_occupancy fso
SET cid = fs.cid
FROM flight_summaries fs
WHERE fso.callsign = fs.callsign
  AND fso.cid = 0
  AND fs.cid IS NOT NULL;
