-- Writes what the installation says of a service; its limits hold from the next claim on. The function wakes the runs
-- that waited for the base URL.
create or replace function turnup.set_service(
  name text, base_url text, allowed_addresses text[], concurrent_requests integer, rate_requests integer,
  rate_milliseconds bigint, limits_per text, retry_after_cap_milliseconds bigint, sends_request_id boolean
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  insert into turnup.service (
    name, base_url, allowed_addresses, concurrent_requests, rate_requests, rate_milliseconds, limits_per,
    retry_after_cap_milliseconds, sends_request_id, updated_at)
  values (
    name, base_url, allowed_addresses, concurrent_requests, rate_requests, rate_milliseconds, limits_per,
    retry_after_cap_milliseconds, sends_request_id, turnup.now())
  on conflict on constraint service_pkey do update
  set base_url = excluded.base_url, allowed_addresses = excluded.allowed_addresses,
    concurrent_requests = excluded.concurrent_requests, rate_requests = excluded.rate_requests,
    rate_milliseconds = excluded.rate_milliseconds, limits_per = excluded.limits_per,
    retry_after_cap_milliseconds = excluded.retry_after_cap_milliseconds,
    sends_request_id = excluded.sends_request_id, updated_at = excluded.updated_at;
  insert into turnup.service_state (name) values (name) on conflict do nothing;
  perform turnup.refresh_limits(name);
  perform turnup.wake_waiting('no_base_url', name);
end $$;
