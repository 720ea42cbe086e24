-- Run once by the MySQL container: a database for the coordinators and one for each service.
CREATE DATABASE tcc;
CREATE DATABASE shop_inventory;
CREATE DATABASE shop_orders;
CREATE DATABASE shop_payments;
