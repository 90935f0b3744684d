CREATE TABLE parking_lots (
    id          bigserial PRIMARY KEY,
    name        varchar(100)  NOT NULL UNIQUE,
    address     varchar(200)  NOT NULL,
    hourly_rate numeric(8, 2) NOT NULL CHECK (hourly_rate > 0)
);

CREATE TABLE parking_spaces (
    id         bigserial PRIMARY KEY,
    lot_id     bigint      NOT NULL REFERENCES parking_lots (id),
    number     varchar(10) NOT NULL,
    space_type varchar(20) NOT NULL CHECK (space_type IN ('STANDARD', 'COMPACT', 'ELECTRIC', 'ACCESSIBLE')),
    status     varchar(20) NOT NULL DEFAULT 'FREE' CHECK (status IN ('FREE', 'TAKEN', 'CLOSED')),
    UNIQUE (lot_id, number)
);
