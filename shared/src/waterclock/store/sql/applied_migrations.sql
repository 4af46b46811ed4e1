-- Which migrations were applied, and with what text.
SELECT name, checksum FROM migrations;
