#!/usr/bin/env bash
# test_aes_gcm.sh with all its configurations.
cd "$(dirname "$0")/../.." || exit 1
ALL=1 exec bash tests/lockstep/test_aes_gcm.sh
