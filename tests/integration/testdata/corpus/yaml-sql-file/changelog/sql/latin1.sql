create table latin (name text default 'Müller; straße');
-- ä
