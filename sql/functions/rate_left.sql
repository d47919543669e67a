-- How many requests a rate still lets through now, and when it lets the next one through. Requests are counted in
-- sliding buckets, each a fifteenth of the rate's time. Seventeen buckets cover any window of that time, wherever it
-- begins, and one bucket more, because a request may go out later than it was counted. So no window ever has more
-- requests than the rate (a bucket of tokens that is refilled would let twice as many through after a rest).
-- `buckets` are the counts by number modulo 17 up to number `bucket`, each `bucket_milliseconds` long; `shifted` and
-- `number` are the same values carried on to now. After a change of the rate's time, earlier requests count
-- as of the end of the bucket in which they were counted: a time that does not move, however often somebody looks.
create or replace function turnup.rate_left(
  buckets integer[], bucket bigint, bucket_milliseconds bigint, moment timestamptz, allowed integer,
  window_milliseconds bigint, out "left" integer, out free_at timestamptz, out shifted integer[], out number bigint,
  out width bigint
)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  used integer;
  later bigint;
  old bigint;
begin
  width := greatest(1, ceil(window_milliseconds / 15.0))::bigint;
  number := floor(extract(epoch from moment) * 1000 / width);
  shifted := coalesce(buckets, array_fill(0, array[17]));
  if bucket_milliseconds <> width then
    shifted := array_fill(0, array[17]);
    if buckets is not null then
      for back in 0..16 loop
        old := bucket - back;
        later := least(number, ((old + 1) * bucket_milliseconds - 1) / width);
        if later > number - 17 then
          shifted[1 + later % 17] := shifted[1 + later % 17] + buckets[1 + old % 17];
        end if;
      end loop;
    end if;
    used := (select sum(n) from unnest(shifted) as n);
  else
    number := greatest(number, bucket);
    later := greatest(bucket + 1, number - 16);
    while later <= number loop
      shifted[1 + later % 17] := 0;
      later := later + 1;
    end loop;
    used := (select sum(n) from unnest(shifted) as n);
  end if;
  "left" := allowed - used;
  later := number;
  while used >= allowed and later < number + 17 loop
    later := later + 1;
    used := used - shifted[1 + later % 17];
  end loop;
  free_at := case when later > number then to_timestamp(later * width / 1000.0) else moment end;
end $$;
