-- The places in which notifiers run that send nothing, as far as they were seen in the last seconds; and the one that sends.
SELECT public_url, address, prefix, speaks
FROM notice_origins
WHERE speaks OR seen_at >= clock_timestamp() - make_interval(secs => %(within)s::float8)
ORDER BY speaks DESC, public_url, address, prefix;
