-- Query Set 2 of the written plan: unused tables removed (1/1).

-- 2.1: none of the nine is left.
-- expect: 0
SELECT count(*)
FROM pg_catalog.pg_class
WHERE relnamespace = 'public'::regnamespace
  AND relname IN (
    'quests', 'quest_moves', 'quest_milestones', 'capability_nodes', 'maneuver_prerequisites', 'quick_wins',
    'cohort_relations', 'move_decisions', 'notifications'
  );
