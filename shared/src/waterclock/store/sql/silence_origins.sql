-- Let no place send.
UPDATE notice_origins SET speaks = false WHERE speaks;
