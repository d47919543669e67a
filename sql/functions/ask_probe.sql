-- Writes that a person has asked for a probe of a run, unless too many were asked for in the last 24 hours or its service
-- is shut. A probe that sends another run's key leaves a word of that in the history of both, before anybody opens it.
-- Answers accepted, behind (the run has moved on since it was looked at), most_of_run, most_of_organisation or
-- service_paused; only with the first was anything written. `detail` is why the service is paused.
create or replace function turnup.ask_probe(
  run_id uuid, expected_seq bigint, body text, read_body text, other_read_body text, actor text,
  most_of_run integer, most_of_organisation integer
) returns table (answer text, seq bigint, detail text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  asked json := ask_probe.body::json;
  other_run uuid := (asked ->> 'of_run')::uuid;
  whose text;
  of_run bigint;
  of_organisation bigint;
begin
  select r.organisation into whose from turnup.run r where r.id = ask_probe.run_id;
  if not found then
    raise exception 'there is no run %', ask_probe.run_id using errcode = 'TU004';
  end if;
  -- Two that ask at the same time are counted one after the other.
  perform pg_advisory_xact_lock(hashtextextended('turnup probes of ' || whose, 0));
  -- Both runs in the order of their ids, as everybody does.
  perform from turnup.task t where t.run_id in (ask_probe.run_id, other_run) order by t.run_id for no key update;
  perform from turnup.run r where r.id in (ask_probe.run_id, other_run) order by r.id for update;
  select count(*) filter (where e.run_id = ask_probe.run_id), count(*) into of_run, of_organisation
  from turnup.event e join turnup.run r on r.id = e.run_id
  where e.type = 'probe.asked' and e.recorded_at > turnup.now() - interval '24 hours'
    and r.organisation = whose;
  if of_run >= most_of_run then
    return query select 'most_of_run', null::bigint, null::text;
    return;
  elsif of_organisation >= most_of_organisation then
    return query select 'most_of_organisation', null::bigint, null::text;
    return;
  end if;
  select coalesce(s.pause_reason, '') into detail from turnup.service_state s
    where s.name = asked ->> 'service' and s.paused_until > turnup.now();
  if found then
    return query select 'service_paused', null::bigint, detail;
    return;
  end if;
  detail := null;
  select a.answer, a.seq into answer, seq
    from turnup.append(ask_probe.run_id, ask_probe.expected_seq, 'probe.asked', ask_probe.body, ask_probe.actor) as a;
  if answer = 'accepted' and other_run is not null then
    perform turnup.append_aside(ask_probe.run_id, 'secret.read', ask_probe.read_body, ask_probe.actor);
    perform turnup.append_aside(other_run, 'secret.read', ask_probe.other_read_body, ask_probe.actor);
  end if;
  return next;
end $$;
