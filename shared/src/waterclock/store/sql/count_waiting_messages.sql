-- How many messages wait to be sent.
SELECT count(*) FROM notice_deliveries WHERE state = 'waiting';
