-- What was told of the installation; nobody else tells more of it until the transaction ends.
SELECT document FROM notice_standing WHERE id = 1 FOR UPDATE;
