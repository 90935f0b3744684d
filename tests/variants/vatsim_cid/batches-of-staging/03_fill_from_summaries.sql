-- Step 3 in batches of 25,000 records, each committed for itself.
SET lock_timeout = '5s';
CREATE TEMPORARY TABLE known AS
    SELECT callsign, cid, logon_time, completion_time,
           lead(logon_time) OVER (PARTITION BY callsign ORDER BY logon_time) AS next_logon
    FROM public.flight_summaries;
ANALYZE known;
DO $$
BEGIN
    FOR batch IN 0..3 LOOP
        UPDATE public.flight_sector_occupancy AS stay
        SET cid = known.cid
        FROM known
        WHERE stay.cid = 0
          AND stay.id BETWEEN batch * 25000 + 1 AND (batch + 1) * 25000
          AND known.cid IS NOT NULL
          AND known.callsign = stay.callsign
          AND stay.entry_timestamp BETWEEN known.logon_time AND known.completion_time
          AND (known.next_logon IS NULL OR stay.entry_timestamp < known.next_logon);
        COMMIT;
    END LOOP;
END
$$;
DROP TABLE known;
