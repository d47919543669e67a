-- The smallest UUID of version 7 that a time can have: the bound of partitions, and of lists by time.
create or replace function turnup.id_at("time" timestamptz) returns uuid
language sql stable strict parallel safe
return (lpad(to_hex(greatest(0, floor(extract(epoch from "time") * 1000))::bigint), 12, '0') || repeat('0', 20))::uuid;
