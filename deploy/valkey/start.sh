#!/bin/sh
# Start Valkey or Redis with the users of users.acl: `start.sh valkey-server --appendonly yes …`
#
# The passwords of api, projector, scheduler, worker, notifier and operator are read from files valkey-<name> in $SECRETS, one in each
# line: a second one is how a password is changed (add it, move the service to it, take the first away). What is written, to $ACL_FILE,
# are their hashes. An installation without notifiers needs no file for theirs, and then has no such user.
set -eu
umask 077

rules=${RULES:-/etc/valkey/users.acl}
secrets=${SECRETS:-/run/secrets}
prefix=${WATERCLOCK_KEY_PREFIX:-wc}
acl_file=${ACL_FILE:-/data/users.acl}

script="s/{wc:/{$prefix:/g; /^#/d; /^\$/d"
for name in api projector scheduler worker notifier operator; do
  file=$secrets/valkey-$name
  if [ "$name" = notifier ] && [ ! -e "$file" ]; then
    script="$script; /^user waterclock-notifier /d"
    continue
  fi
  [ -s "$file" ] || { echo "start.sh: $file holds no password of waterclock-$name" >&2; exit 1; }
  hashes=
  while IFS= read -r password || [ -n "$password" ]; do
    [ -z "$password" ] || hashes="$hashes #$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)"
  done < "$file"
  script="$script; s/ <$name> /$hashes /"
done
case $("$1" --version) in *v=7.0.*) script="$script; s/ +client|setinfo//" ;; esac # Redis 7.0 knows no such command
sed "$script" "$rules" > "$acl_file"

exec "$@" --aclfile "$acl_file"
