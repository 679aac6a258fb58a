drop table six;
