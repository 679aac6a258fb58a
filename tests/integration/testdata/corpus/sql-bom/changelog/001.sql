--liquibase formatted sql
--changeset ops:1
create table bom (name text default 'ä€📧');
