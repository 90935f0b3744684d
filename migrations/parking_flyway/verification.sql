-- The queries of the written plan, each with what it must return.

-- Step 9, and "Verify no failed migrations"
-- expect: 0
SELECT count(*) FROM flyway_schema_history WHERE success = false;

-- "Verify all migrations applied": V1 to V6, and the views twice
-- expect: 8
SELECT count(*) FROM flyway_schema_history WHERE success = true;

-- Step 4, "Record table count"
-- expect: 11
SELECT count(*) FROM pg_tables WHERE schemaname = 'public';

-- Step 11, "Check foreign keys", counted where no privilege hides one
-- expect: 12
SELECT count(*) FROM pg_catalog.pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace;

-- Step 11, "Check indexes"
-- expect: 27
SELECT count(*) FROM pg_indexes WHERE schemaname = 'public';

-- Step 11, "Verify critical tables exist"
-- expect: rows 9
SELECT tablename FROM pg_tables
WHERE schemaname = 'public'
  AND tablename IN (
      'users', 'clients', 'vehicles', 'parking_lots', 'parking_spaces', 'subscriptions', 'bookings', 'payments', 'audit_log'
  );
