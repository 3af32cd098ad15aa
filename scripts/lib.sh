# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this use what it sets
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
make_throw_away() {
  [ -z "$throw_away" ] || return 0
  throw_away=$(mktemp -d "${TMPDIR:-/tmp}/xiezhi.XXXXXX")
  # A killed script runs no trap: somebody else waits for its end.
  (
    trap '' INT
    while kill -0 $$ 2>/dev/null; do sleep 2; done
    stop_throw_away
  ) </dev/null >/dev/null 2>&1 &
}

start_throw_away_postgres() {
  local postgres_port
  make_throw_away
  local bin=$local_dir/servers/postgresql/bin
  # Where root becomes nobody, the directory must belong to it.
  if [ "$(id -u)" = 0 ] && [ "$("$root/scripts/as-user" id -u)" = 65534 ]; then chown 65534 "$throw_away"; fi
  "$root/scripts/as-user" "$bin/initdb" -D "$throw_away/postgres" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$throw_away/initdb.log" 2>&1 || { cat "$throw_away/initdb.log" >&2; fail "initdb 未成功, 见上文 / initdb failed, see above"; }
  # Another program may take the port between our look and the server's: look again.
  for _ in 1 2 3; do
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

start_throw_away_nats() {
  local nats_pid nats_port
  make_throw_away
  for _ in 1 2 3; do
    nats_port=$(free_port)
    "$local_dir/servers/nats/nats-server" -a 127.0.0.1 -p "$nats_port" -js -sd "$throw_away/nats" >"$throw_away/nats.log" 2>&1 </dev/null &
    nats_pid=$!
    echo $nats_pid >"$throw_away/nats.pid"
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
  [ -n "$throw_away" ] && [ -d "$throw_away" ] || return 0
  [ ! -f "$throw_away/nats.pid" ] || kill "$(cat "$throw_away/nats.pid")" 2>/dev/null || true
  if [ -f "$throw_away/postgres/postmaster.pid" ]; then
    "$root/scripts/as-user" "$local_dir/servers/postgresql/bin/pg_ctl" -D "$throw_away/postgres" -m immediate -s stop </dev/null >/dev/null 2>&1 || true
  fi
  rm -rf "$throw_away"
}

# Rust new enough, and a linker.
need_toolchain() {
  need cargo "缺少 cargo, 请先安装 Rust (rustup.rs) / cargo is missing, install Rust (rustup.rs)"
  need cc "缺少 C 编译器, 请安装 gcc 或 clang / a C compiler is missing, install gcc or clang"
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
  have=$(cd "$root" && cargo --version | awk '{ print $2 }')
  [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ] ||
    fail "Rust $have 过旧, 需要 $wanted 以上, 请运行 rustup update / Rust $have is too old, $wanted is needed, run rustup update"
}

# Where cargo puts what it builds.
target_dir() {
  cargo metadata --manifest-path "$root/Cargo.toml" --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

# The variables through which checked queries would ask a database while compiling.
unset_database_variables() {
  local variable
  while read -r variable; do unset "$variable"; done < <(
    find "$root/services" -name sqlx.toml -exec sed -n 's/^database-url-var *= *"\(.*\)"/\1/p' {} +
  )
  unset SQLX_OFFLINE DATABASE_URL
}
