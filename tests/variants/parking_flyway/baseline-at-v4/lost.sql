DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM flyway_schema_history WHERE version = '6') THEN
        DROP TABLE flyway_schema_history;
    END IF;
END
$$;
