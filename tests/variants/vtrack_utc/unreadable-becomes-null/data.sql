UPDATE notifications SET sent_at = 'N/A' WHERE id = 2;
