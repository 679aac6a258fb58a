--liquibase formatted sql
--changeset ops:1
create table two (a text default '${local} ${who} ${utf}');
