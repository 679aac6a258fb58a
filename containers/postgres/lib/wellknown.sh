# shellcheck shell=bash
# Functions of the well-known image's entrypoint, for scripts that source this one as that. Sourced; defines functions
# only. docker_process_sql is in scripts.sh: it works.

not_here() {
  die 78 "${FUNCNAME[1]} is a function of another image's entrypoint, which this one does not have:" \
    "see \"What differs\" in docs/core-container-architecture.md"
}

file_env() { not_here; }
docker_setup_env() { not_here; }
docker_create_db_directories() { not_here; }
docker_init_database_dir() { not_here; }
docker_verify_minimum_env() { not_here; }
docker_error_old_databases() { not_here; }
docker_process_init_files() { not_here; }
docker_setup_db() { not_here; }
docker_temp_server_start() { not_here; }
docker_temp_server_stop() { not_here; }
pg_setup_hba_conf() { not_here; }
_is_sourced() { not_here; }
_pg_want_help() { not_here; }
_main() { not_here; }
