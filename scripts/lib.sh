# shellcheck shell=bash
# What several scripts share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
local_dir=$root/.local

say() { printf '%s\n' "$*" >&2; }
fail() { say "错误 / error: $*"; exit 1; }

started=$SECONDS
# One line per long step, with the time since the script began.
step() { printf '[%3d s] %s\n' "$((SECONDS - started))" "$*" >&2; }

# need TOOL "what to do": the tool is there, or a sentence and the end.
need() { command -v "$1" >/dev/null 2>&1 || fail "$2"; }

# A free port on loopback.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# True when at least this many megabytes are free where the directory is.
has_room() { [ "$(df -Pm "$1" | awk 'NR == 2 { print $4 }')" -ge "$2" ]; }

# Throw-away servers in one temporary directory; the caller traps EXIT with stop_throw_away.
throw_away=
start_throw_away_postgres() {
  [ -n "$throw_away" ] || throw_away=$(mktemp -d "${TMPDIR:-/tmp}/xiezhi.XXXXXX")
  local bin=$local_dir/servers/postgresql/bin try
  # Where root becomes nobody, the directory must belong to it.
  if [ "$(id -u)" = 0 ] && [ "$("$root/scripts/as-user" id -u)" = 65534 ]; then chown 65534 "$throw_away"; fi
  "$root/scripts/as-user" "$bin/initdb" -D "$throw_away/postgres" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$throw_away/initdb.log" 2>&1 || { cat "$throw_away/initdb.log" >&2; fail "initdb 未成功, 见上文 / initdb failed, see above"; }
  # Another program may take the port between our look and the server's: look again.
  for try in 1 2 3; do
    postgres_port=$(free_port)
    if "$root/scripts/as-user" "$bin/pg_ctl" -D "$throw_away/postgres" -w -s -l "$throw_away/postgres/server.log" \
      -o "-p $postgres_port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c max_connections=400" \
      start </dev/null >/dev/null 2>&1; then
      postgres_url=postgres://postgres@127.0.0.1:$postgres_port
      return
    fi
  done
  tail -n 5 "$throw_away/postgres/server.log" >&2
  fail "PostgreSQL 未能启动, 见上文 / PostgreSQL did not start, see above"
}

nats_pid=
start_throw_away_nats() {
  [ -n "$throw_away" ] || throw_away=$(mktemp -d "${TMPDIR:-/tmp}/xiezhi.XXXXXX")
  local try
  for try in 1 2 3; do
    nats_port=$(free_port)
    "$local_dir/servers/nats/nats-server" -a 127.0.0.1 -p "$nats_port" -js -sd "$throw_away/nats" >"$throw_away/nats.log" 2>&1 </dev/null &
    nats_pid=$!
    for _ in $(seq 100); do
      if grep -q 'Server is ready' "$throw_away/nats.log"; then
        nats_url=nats://127.0.0.1:$nats_port
        return
      fi
      kill -0 "$nats_pid" 2>/dev/null || break
      sleep 0.05
    done
  done
  tail -n 5 "$throw_away/nats.log" >&2
  fail "nats-server 未能启动, 见上文 / nats-server did not start, see above"
}

stop_throw_away() {
  [ -z "$nats_pid" ] || kill "$nats_pid" 2>/dev/null || true
  if [ -n "$throw_away" ] && [ -f "$throw_away/postgres/postmaster.pid" ]; then
    "$root/scripts/as-user" "$local_dir/servers/postgresql/bin/pg_ctl" -D "$throw_away/postgres" -m immediate -s stop </dev/null >/dev/null 2>&1 || true
  fi
  [ -z "$throw_away" ] || rm -rf "$throw_away"
}
