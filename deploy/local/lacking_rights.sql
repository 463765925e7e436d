-- The service roles, $1, that may do with a table what the role that is connected may not.
SELECT DISTINCT service.rolname::text
FROM pg_roles AS service,
     pg_class AS relation,
     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
WHERE service.rolname = ANY ($1)
  AND relation.relkind IN ('r', 'p')
  AND (relation.oid = to_regclass('public.alembic_version')
       OR relation.relnamespace::regnamespace::text IN ('gateway', 'metrics', 'predictions'))
  AND has_table_privilege(service.oid, relation.oid, privilege)
  AND NOT has_table_privilege(relation.oid, privilege)
