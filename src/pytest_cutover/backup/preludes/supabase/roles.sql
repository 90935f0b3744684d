-- The roles of a Supabase database, without a way to log in. Roles that exist already stay as they are.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT * FROM (VALUES
            ('anon', ''),
            ('authenticated', ''),
            ('service_role', 'BYPASSRLS'),
            ('dashboard_user', 'CREATEDB CREATEROLE'),
            ('supabase_admin', 'BYPASSRLS CREATEDB CREATEROLE'),
            ('supabase_auth_admin', 'CREATEROLE NOINHERIT'),
            ('supabase_storage_admin', 'CREATEROLE NOINHERIT'),
            ('supabase_realtime_admin', 'NOINHERIT'),
            ('supabase_functions_admin', 'CREATEROLE NOINHERIT'),
            ('supabase_read_only_user', 'BYPASSRLS')
        ) AS listed (name, attributes)
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
    LOOP
        EXECUTE format('CREATE ROLE %I NOLOGIN %s', made.name, made.attributes);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticator') THEN
        CREATE ROLE authenticator NOLOGIN NOINHERIT;
        GRANT anon, authenticated, service_role TO authenticator;
    END IF;
END
$$;
