create table account (id bigint, old text); create table domain (id bigint);
