-- Query Set 5 of the written plan: RLS policies active (2/2).

-- 5.1: 18 policies, each on a table that asks them.
-- expect: 18
SELECT count(*)
FROM pg_catalog.pg_policy AS policy
JOIN pg_catalog.pg_class AS relation ON relation.oid = policy.polrelid
WHERE relation.relnamespace = 'public'::regnamespace AND relation.relrowsecurity;

-- 5.2: no table has security switched on and nothing that lets its users in.
-- expect: 0
SELECT count(*)
FROM pg_catalog.pg_class AS relation
WHERE relation.relnamespace = 'public'::regnamespace
  AND relation.relrowsecurity
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS policy WHERE policy.polrelid = relation.oid);
