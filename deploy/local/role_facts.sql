-- What the role that is connected may do here; $1: the roles of the services.
SELECT quote_ident(current_user) AS role,
       ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)) AS service_roles,
       rolsuper OR rolcreaterole AS may_make_roles,
       has_database_privilege(current_database(), 'CREATE') AND has_schema_privilege('public', 'CREATE')
           AS may_make_tables,
       to_regclass('public.alembic_version') IS NOT NULL AS is_migrated,
       coalesce(has_table_privilege(to_regclass('public.alembic_version'), 'SELECT'), false) AS may_read_revision
FROM pg_roles
WHERE rolname = current_user
