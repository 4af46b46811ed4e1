-- Read who disables jobs as the breaker.
SELECT actor FROM notice_breakers;
