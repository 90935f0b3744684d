-- Supabase keeps the extensions that most databases use in a schema of their own.
CREATE SCHEMA extensions;
GRANT USAGE ON SCHEMA extensions TO anon, authenticated, service_role;
GRANT ALL ON SCHEMA extensions TO dashboard_user;
DO $$
DECLARE
    wanted text;
BEGIN
    FOR wanted IN
        SELECT name FROM pg_available_extensions
        WHERE name IN ('uuid-ossp', 'pgcrypto', 'pg_stat_statements') AND installed_version IS NULL
    LOOP
        EXECUTE format('CREATE EXTENSION %I WITH SCHEMA extensions', wanted);
    END LOOP;
END
$$;
