INSERT INTO public.notifications (user_id, message)
SELECT id, 'Your move is due' FROM public.user_profiles;
