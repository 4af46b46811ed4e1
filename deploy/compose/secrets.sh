#!/bin/sh
# Make what compose.yaml takes as secrets, for this machine and nobody else: deploy/.env, and files for Valkey beside this one.
# Neither is committed. What is there already stays as it is, so this may be repeated; a release that wants more adds it.
#
#   sh deploy/compose/secrets.sh
set -eu
umask 077

folder=${1:-$(dirname "$0")/..}
file=$folder/.env
mkdir -p "$folder/compose/secrets"
touch "$file"
chmod 600 "$file"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

for name in POSTGRES_PASSWORD WATERCLOCK_OWNER_PASSWORD WATERCLOCK_API_PASSWORD WATERCLOCK_PROJECTOR_PASSWORD \
  WATERCLOCK_NOTIFIER_PASSWORD WATERCLOCK_BACKUP_PASSWORD VALKEY_API VALKEY_PROJECTOR VALKEY_SCHEDULER VALKEY_WORKER \
  VALKEY_NOTIFIER VALKEY_OPERATOR S3_ACCESS_KEY S3_SECRET_KEY GRAFANA_PASSWORD; do
  grep -q "^$name=." "$file" || printf '%s=%s\n' "$name" "$(random)" >> "$file"
done

for name in api projector scheduler worker notifier operator; do
  variable=VALKEY_$(printf %s "$name" | tr '[:lower:]' '[:upper:]')
  sed -n "s/^$variable=//p" "$file" > "$folder/compose/secrets/valkey-$name"
done
echo "Passwords are in $file. Grafana's user admin has GRAFANA_PASSWORD."
