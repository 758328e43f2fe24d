join companies o on o.id = i.company_id
left join client_contacts k on k.id = (
  select f.id from client_contacts f where f.client_id = c.id and f.deleted_at is null
  order by f.is_primary desc, f.id limit 1)
left join currencies cur on cur.id = coalesce(nullif(json_value(c.settings, '$.currency_id'), ''),
  json_value(o.settings, '$.currency_id'), '1')
left join languages lang on lang.id = coalesce(nullif(json_value(c.settings, '$.language_id'), ''),
  json_value(o.settings, '$.language_id'))
