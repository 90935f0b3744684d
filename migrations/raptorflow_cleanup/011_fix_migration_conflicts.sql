-- Ends the three conflicts that tables defined twice have left, and closes these tables to other workspaces.
--
-- agent_recommendations and agent_trust_scores get the workspace that each row belongs to, and the outcome columns that
-- the second definition has; competitors gets one name and one site instead of two.
--
-- One transaction: it is done as a whole or not at all. Running it again changes nothing.
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
-- What is not there yet, or is there already, is no news: the log is to show warnings.
SET LOCAL client_min_messages = 'warning';

-- 1. agent_recommendations ------------------------------------------------------------------------------------------

ALTER TABLE public.agent_recommendations
    ADD COLUMN IF NOT EXISTS workspace_id uuid,
    ADD COLUMN IF NOT EXISTS outcome_status text NOT NULL DEFAULT 'pending',
    ADD COLUMN IF NOT EXISTS outcome_quality_score numeric(3,2);

-- The run knows the workspace; a recommendation without a run names a campaign, which knows it, too. The agent does not:
-- a built-in one works for every workspace. What an attempt that was given up has filled in is corrected.
WITH known AS (
    SELECT recommendation.id, coalesce(run.workspace_id, campaign.workspace_id) AS workspace_id
    FROM public.agent_recommendations AS recommendation
    LEFT JOIN public.agent_runs AS run ON run.id = recommendation.run_id
    LEFT JOIN public.campaigns AS campaign ON campaign.id = recommendation.campaign_id
)
UPDATE public.agent_recommendations AS recommendation
SET workspace_id = known.workspace_id
FROM known
WHERE known.id = recommendation.id
  AND known.workspace_id IS NOT NULL
  AND recommendation.workspace_id IS DISTINCT FROM known.workspace_id;

-- 2. agent_trust_scores ---------------------------------------------------------------------------------------------

ALTER TABLE public.agent_trust_scores ADD COLUMN IF NOT EXISTS workspace_id uuid;

UPDATE public.agent_trust_scores AS score
SET workspace_id = cohort.workspace_id
FROM public.cohorts AS cohort
WHERE cohort.id = score.cohort_id
  AND score.workspace_id IS DISTINCT FROM cohort.workspace_id;

-- A row whose workspace nobody knows stops everything: no default would be right for it.
DO $$
DECLARE
    homeless bigint;
BEGIN
    SELECT count(*) INTO homeless FROM public.agent_recommendations WHERE workspace_id IS NULL;
    IF homeless > 0 THEN
        RAISE EXCEPTION '% rows of agent_recommendations have neither a run nor a campaign that tells their workspace', homeless;
    END IF;
    SELECT count(*) INTO homeless FROM public.agent_trust_scores WHERE workspace_id IS NULL;
    IF homeless > 0 THEN
        RAISE EXCEPTION '% rows of agent_trust_scores have no cohort that tells their workspace', homeless;
    END IF;
END
$$;

-- 3. competitors ----------------------------------------------------------------------------------------------------

-- The second definition came later, and what was written through it is newer: it wins where both say something.
-- What stood there before is kept in metadata, so that the way back needs no backup.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = 'public.competitors'::regclass AND attname = 'company_name' AND NOT attisdropped
    ) THEN
        -- updated_at says when somebody edited the row, and nobody does here.
        ALTER TABLE public.competitors DISABLE TRIGGER competitors_touch;
        UPDATE public.competitors
        SET name = coalesce(company_name, name),
            website = coalesce('https://' || domain, website),
            metadata = metadata || jsonb_build_object('before_011', jsonb_build_object(
                'name', name, 'website', website, 'company_name', company_name, 'domain', domain))
        WHERE company_name IS NOT NULL OR domain IS NOT NULL;
        ALTER TABLE public.competitors ENABLE TRIGGER competitors_touch;
        ALTER TABLE public.competitors DROP COLUMN company_name, DROP COLUMN domain;
    END IF;
END
$$;

ALTER TABLE public.competitors ALTER COLUMN name SET NOT NULL;

-- 4. What keeps it so -----------------------------------------------------------------------------------------------

ALTER TABLE public.agent_recommendations
    ALTER COLUMN workspace_id SET NOT NULL,
    DROP CONSTRAINT IF EXISTS agent_recommendations_outcome_status_check,
    ADD CONSTRAINT agent_recommendations_outcome_status_check
        CHECK (outcome_status IN ('pending', 'accepted', 'rejected', 'expired')),
    DROP CONSTRAINT IF EXISTS agent_recommendations_outcome_quality_score_check,
    ADD CONSTRAINT agent_recommendations_outcome_quality_score_check
        CHECK (outcome_quality_score BETWEEN 0 AND 1),
    DROP CONSTRAINT IF EXISTS agent_recommendations_workspace_id_fkey,
    ADD CONSTRAINT agent_recommendations_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES public.workspaces (id) ON DELETE CASCADE,
    DROP CONSTRAINT IF EXISTS agent_recommendations_agent_id_fkey,
    ADD CONSTRAINT agent_recommendations_agent_id_fkey
        FOREIGN KEY (agent_id) REFERENCES public.agents (id);

ALTER TABLE public.agent_trust_scores
    ALTER COLUMN workspace_id SET NOT NULL,
    DROP CONSTRAINT IF EXISTS agent_trust_scores_workspace_id_fkey,
    ADD CONSTRAINT agent_trust_scores_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES public.workspaces (id) ON DELETE CASCADE,
    DROP CONSTRAINT IF EXISTS agent_trust_scores_agent_id_fkey,
    ADD CONSTRAINT agent_trust_scores_agent_id_fkey
        FOREIGN KEY (agent_id) REFERENCES public.agents (id);

ALTER TABLE public.agent_feedback
    DROP CONSTRAINT IF EXISTS agent_feedback_recommendation_id_fkey,
    ADD CONSTRAINT agent_feedback_recommendation_id_fkey
        FOREIGN KEY (recommendation_id) REFERENCES public.agent_recommendations (id) ON DELETE CASCADE;

ALTER TABLE public.competitors
    DROP CONSTRAINT IF EXISTS competitors_workspace_id_fkey,
    ADD CONSTRAINT competitors_workspace_id_fkey
        FOREIGN KEY (workspace_id) REFERENCES public.workspaces (id) ON DELETE CASCADE;

ALTER TABLE public.competitor_signals
    DROP CONSTRAINT IF EXISTS competitor_signals_competitor_id_fkey,
    ADD CONSTRAINT competitor_signals_competitor_id_fkey
        FOREIGN KEY (competitor_id) REFERENCES public.competitors (id) ON DELETE CASCADE;

CREATE INDEX IF NOT EXISTS idx_agent_recommendations_workspace_id ON public.agent_recommendations (workspace_id);
CREATE INDEX IF NOT EXISTS idx_agent_trust_scores_workspace_id ON public.agent_trust_scores (workspace_id);

-- 5. Who sees it ----------------------------------------------------------------------------------------------------

-- The project's default privileges have given anon and authenticated everything on these tables: without the policies
-- any visitor reads and writes every workspace's rows.
ALTER TABLE public.agent_recommendations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.agent_trust_scores ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.competitors ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.competitor_signals ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS agent_recommendations_of_members ON public.agent_recommendations;
CREATE POLICY agent_recommendations_of_members ON public.agent_recommendations TO authenticated
    USING (public.is_member_of(workspace_id)) WITH CHECK (public.is_member_of(workspace_id));

-- Scores are computed by the backend; members only read them.
DROP POLICY IF EXISTS agent_trust_scores_of_members ON public.agent_trust_scores;
CREATE POLICY agent_trust_scores_of_members ON public.agent_trust_scores FOR SELECT TO authenticated
    USING (public.is_member_of(workspace_id));

DROP POLICY IF EXISTS competitors_of_members ON public.competitors;
CREATE POLICY competitors_of_members ON public.competitors TO authenticated
    USING (public.is_member_of(workspace_id)) WITH CHECK (public.is_member_of(workspace_id));

DROP POLICY IF EXISTS competitor_signals_of_members ON public.competitor_signals;
CREATE POLICY competitor_signals_of_members ON public.competitor_signals FOR SELECT TO authenticated
    USING (EXISTS (
        SELECT FROM public.competitors AS competitor
        WHERE competitor.id = competitor_id AND public.is_member_of(competitor.workspace_id)
    ));

COMMIT;
