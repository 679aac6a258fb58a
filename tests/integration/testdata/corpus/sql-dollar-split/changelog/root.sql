--liquibase formatted sql

--changeset ops:1
create function d() returns int language plpgsql as $$ begin return 1; end; $$;
