-- Keep what was told of the installation, by a caller who holds it.
UPDATE notice_standing SET document = %(document)s::bytea WHERE id = 1;
