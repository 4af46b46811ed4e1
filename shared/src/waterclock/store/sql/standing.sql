-- What was told of the installation.
SELECT document FROM notice_standing WHERE id = 1;
