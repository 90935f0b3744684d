UPDATE bookings SET status = 'COMPLETED', ends_at = now()
WHERE status = 'ACTIVE' AND starts_at < now() - interval '7 days';
