-- Starts the run that a person asked for in place of one that was just released: the same input, by the newest version. What
-- keeps it from starting is written into the history of the released run; the release stands.
create or replace function turnup.redo(run_id uuid, actor text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  asked record;
  new_id uuid := turnup.new_id();
  why text;
begin
  select e.body ->> 'redo' as redo, e.actor, e.seq into asked
    from turnup.event e
    where e.run_id = redo.run_id and e.type = 'release.requested' order by e.seq desc limit 1;
  if asked.redo is distinct from 'true' then return; end if;
  begin
    if exists (
      select from turnup.event e
      where e.run_id = redo.run_id and e.type = 'cancel.requested' and e.seq > asked.seq)
    then
      raise exception 'a person has cancelled that';
    end if;
    perform turnup.enqueue(
        r.workflow, r.organisation, e.body -> 'input', id => new_id, on_conflict => 'error', actor => asked.actor,
        redo_of => r.id)
      from turnup.run r join turnup.event e on e.run_id = r.id and e.seq = 1 where r.id = redo.run_id;
    perform turnup.append(
      redo.run_id, null, 'redo.started', json_build_object('run', new_id)::text, redo.actor, wake => false);
  exception when others then
    get stacked diagnostics why = message_text;
    perform turnup.append(
      redo.run_id, null, 'redo.refused', json_build_object('reason', why)::text, redo.actor,
      status => 'released', reason => 'no run follows it: ' || why, wake => false);
  end;
end $$;
