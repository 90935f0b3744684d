-- What an attempt without NOT NULL left.
ALTER TABLE public.flight_sector_occupancy ADD COLUMN cid integer;
