-- Whether any message waits to be sent.
SELECT EXISTS (SELECT FROM notice_deliveries WHERE state = 'waiting');
