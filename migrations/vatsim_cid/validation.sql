-- The checks of the written plan, as the team types them after the migration. They are necessary and not sufficient:
-- most of the wrong migrations in tests/variants/vatsim_cid pass them all.

-- Check 1: every record has a CID, and so none is without.
-- expect: 0
SELECT count(*) - count(CASE WHEN cid > 0 THEN 1 END) FROM flight_sector_occupancy;

-- expect: 0
SELECT count(CASE WHEN cid = 0 THEN 1 END) FROM flight_sector_occupancy;

-- Check 2: the structure has the column.
-- expect: rows 1
SELECT attname
FROM pg_catalog.pg_attribute
WHERE attrelid = 'flight_sector_occupancy'::regclass AND attname = 'cid' AND attnotnull;

-- Check 3: the new index is there, and six in all as before.
-- expect: rows 1
SELECT indexname
FROM pg_catalog.pg_indexes
WHERE tablename = 'flight_sector_occupancy' AND indexname = 'idx_flight_sector_occupancy_callsign_cid';

-- expect: 6
SELECT count(*) FROM pg_catalog.pg_indexes WHERE tablename = 'flight_sector_occupancy';

-- Check 4 and step 4.3: the records of NWK1736 show several CIDs.
-- expect: rows 2..10
SELECT callsign, cid, count(*) AS sector_count, min(entry_timestamp) AS first_entry, max(exit_timestamp) AS last_exit
FROM flight_sector_occupancy
WHERE callsign = 'NWK1736'
GROUP BY callsign, cid;

-- Steps 4.1 and 6.3: records whose CID no flight has are few.
-- expect: 0..60
SELECT count(*)
FROM flight_sector_occupancy AS fso
WHERE NOT EXISTS (SELECT FROM flight_summaries AS fs WHERE fso.cid = fs.cid)
  AND NOT EXISTS (SELECT FROM flights AS f WHERE fso.cid = f.cid);
