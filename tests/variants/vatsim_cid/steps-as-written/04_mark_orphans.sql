UPDATE flight_sector_occupancy SET cid = 999999 WHERE cid = 0;
