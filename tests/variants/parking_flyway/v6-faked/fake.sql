INSERT INTO flyway_schema_history
SELECT max(installed_rank) + 1, '6', 'link bookings and fill tariffs', 'SQL', 'V6__link_bookings_and_fill_tariffs.sql', 1884863701,
       current_user, now(), 431, true
FROM flyway_schema_history
HAVING count(*) FILTER (WHERE version = '6') = 0;
