BEGIN;
SET LOCAL lock_timeout = '5s';

-- The table is made anew, with its cid, in one go; nothing is left for the later steps to do.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = 'public.flight_sector_occupancy'::regclass AND attname = 'cid') THEN
        RETURN;
    END IF;
    CREATE TABLE public.rebuilt (LIKE public.flight_sector_occupancy INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS);
    ALTER TABLE public.rebuilt ADD COLUMN cid integer NOT NULL DEFAULT 0;
    INSERT INTO public.rebuilt SELECT *, 0 FROM public.flight_sector_occupancy;
    ALTER SEQUENCE public.flight_sector_occupancy_id_seq OWNED BY public.rebuilt.id;
    DROP TABLE public.flight_sector_occupancy;
    ALTER TABLE public.rebuilt RENAME TO flight_sector_occupancy;
    ALTER TABLE public.flight_sector_occupancy ADD CONSTRAINT flight_sector_occupancy_pkey PRIMARY KEY (id);
    CREATE INDEX idx_flight_sector_occupancy_sector_name ON public.flight_sector_occupancy (sector_name);
    CREATE INDEX idx_flight_sector_occupancy_entry_timestamp ON public.flight_sector_occupancy (entry_timestamp);
    CREATE INDEX idx_flight_sector_occupancy_sector_entry
        ON public.flight_sector_occupancy (sector_name, entry_timestamp);
    CREATE INDEX idx_flight_sector_occupancy_open
        ON public.flight_sector_occupancy (entry_timestamp) WHERE exit_timestamp IS NULL;
    COMMENT ON TABLE public.flight_sector_occupancy IS 'One row per stay of a flight in a sector';
END
$$;

COMMIT;
