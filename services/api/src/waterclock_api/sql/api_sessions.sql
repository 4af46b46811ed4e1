-- What the sessions of APIs with this database say after the name of the service; empty where they say nothing.
SELECT DISTINCT btrim(substr(application_name, length('waterclock api') + 1))
FROM pg_stat_activity
WHERE datname = current_database()
  AND application_name ~ '^waterclock api($| zone=| level=)';
