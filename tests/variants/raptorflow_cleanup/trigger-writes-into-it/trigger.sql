CREATE FUNCTION public.note_decision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.move_decisions (move_id, decision) VALUES (NEW.id, NEW.status);
    RETURN NEW;
END;
$$;
CREATE TRIGGER moves_note_decision AFTER UPDATE OF status ON public.moves
    FOR EACH ROW EXECUTE FUNCTION public.note_decision();
