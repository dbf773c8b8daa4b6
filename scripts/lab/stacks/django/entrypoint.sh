#!/bin/sh
set -e
[ -z "$DATABASE_HOST" ] || while ! nc -z "$DATABASE_HOST" 5432; do sleep 1; done
exec "$@"
