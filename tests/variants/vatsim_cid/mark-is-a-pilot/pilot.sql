-- A completed flight without a stay in any sector, by the pilot whose CID the mark takes.
INSERT INTO public.flight_summaries (
    callsign, cid, logon_time, completion_time, time_online_minutes, created_at, updated_at
)
VALUES (
    'TST999', 999999, '2026-01-10 05:00+00', '2026-01-10 05:12+00', 12, '2026-01-10 06:00+00', '2026-01-10 06:00+00'
);
