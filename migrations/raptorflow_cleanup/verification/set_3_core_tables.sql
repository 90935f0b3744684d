-- Query Set 3 of the written plan: core tables intact (3/3).

-- 3.1: 43 tables remain, counted where no privilege hides one.
-- expect: 43
SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p');

-- 3.2: the tables that the application cannot do without are among them.
-- expect: 10
SELECT count(*)
FROM pg_catalog.pg_class
WHERE relnamespace = 'public'::regnamespace
  AND relname IN (
    'workspaces', 'user_profiles', 'workspace_members', 'campaigns', 'cohorts', 'moves', 'assets', 'agents',
    'agent_recommendations', 'competitors'
  );

-- 3.3: and none of them is empty.
-- expect: true
SELECT EXISTS (SELECT FROM workspaces) AND EXISTS (SELECT FROM user_profiles) AND EXISTS (SELECT FROM workspace_members)
   AND EXISTS (SELECT FROM campaigns) AND EXISTS (SELECT FROM cohorts) AND EXISTS (SELECT FROM moves)
   AND EXISTS (SELECT FROM assets) AND EXISTS (SELECT FROM agents) AND EXISTS (SELECT FROM agent_recommendations)
   AND EXISTS (SELECT FROM competitors);
