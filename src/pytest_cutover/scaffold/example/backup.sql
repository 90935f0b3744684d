--
-- PostgreSQL database dump
--

-- Dumped from database version 15.0
-- Dumped by pg_dump version 15.0

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET client_min_messages = warning;

CREATE TABLE public.parcels (
    id integer NOT NULL,
    size text NOT NULL
);

COPY public.parcels (id, size) FROM stdin;
1	letter
2	letter
3	small
4	small
5	large
6	large
\.

ALTER TABLE ONLY public.parcels
    ADD CONSTRAINT parcels_pkey PRIMARY KEY (id);

--
-- PostgreSQL database dump complete
--
